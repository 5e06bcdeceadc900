import type { KubeObject } from './kube-object.ts';

/** The port of the servers; Services have 80. */
export const SERVER_PORT = 5_301;
/** Seconds after which a program of a pod ends by itself: longer than any test. */
const LIFE_SECONDS = '3600';

export interface TrafficDeployment {
  readonly name: string;
  readonly namespace: string;
  readonly replicas?: number;
  /** A program of the image `traffic`, and its arguments. */
  readonly command: readonly string[];
  /** Keeps its input open, so that exact-tcp-hold waits for commands. */
  readonly stdin?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A Deployment of the image that cluster.sh has brought to the node: as restricted as Pod Security allows. */
export function trafficDeployment(options: TrafficDeployment): KubeObject {
  const { name, namespace, replicas = 1, command, stdin = false, labels = {} } = options;
  const securityContext = {
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    runAsUser: 65532,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const container = {
    name: 'traffic',
    image: 'localhost/traffic:1',
    imagePullPolicy: 'Never',
    command: [...command, '--timeout', LIFE_SECONDS],
    stdin,
    securityContext,
  };
  const all = { app: name, ...labels };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels: all },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: all },
        spec: {
          containers: [container],
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
        },
      },
    },
  };
}

/** A Deployment of exact-tcp-server. */
export function serverDeployment(name: string, namespace: string, replicas = 1): KubeObject {
  return trafficDeployment({
    name,
    namespace,
    replicas,
    command: ['/exact-tcp-server', '--port', String(SERVER_PORT)],
  });
}
