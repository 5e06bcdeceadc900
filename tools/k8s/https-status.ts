import { get } from 'node:https';

const LATE_MS = 2_000;

/** The status of one GET on a connection of its own, or 0 when there is no answer within two seconds. */
export async function httpsStatus(url: string, ca: string, token: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const headers = { authorization: `Bearer ${token}` };
  const request = get(url, { ca, headers, agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  request.on('error', () => resolve(0));
  request.setTimeout(LATE_MS, () => request.destroy(new Error('late')));
  return promise;
}
