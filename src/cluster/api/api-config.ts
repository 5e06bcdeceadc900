/** What a connection to the API server and a request need at this moment. Secret: never printed, never kept. */
export interface Credentials {
  /** PEM of the authorities that may have signed the server's certificate; undefined: those that Node knows. */
  readonly ca: string | undefined;
  /** PEM of the client's certificate and its key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The Authorization header; null: none. */
  readonly authorization: string | null;
}

/** Where the API server is, and as whom to ask it. */
export interface ApiConfig {
  /** https: or http: (a proxy such as `kubectl proxy`). A path is put before that of each request. */
  readonly server: URL;
  /** For logs: where the configuration comes from, and the server. No secret. */
  readonly describe: string;
  /** tls-server-name of a kubeconfig: the name that the certificate must have; undefined: the server's own. */
  readonly serverName: string | undefined;
  /** insecure-skip-tls-verify of a kubeconfig. */
  readonly skipTlsVerify: boolean;
  /**
   * What to connect with now. Files are read again when they may have changed.
   * @param refused the server answered 401 to what was given last: look again at once
   * Throws what the files or the helper of the kubeconfig say; the caller tries again later.
   */
  credentials(refused: boolean): Promise<Credentials>;
}
