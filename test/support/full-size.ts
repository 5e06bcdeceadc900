/**
 * Whether faults come in the sizes that are promised (100,000 sockets, a million descriptors, a hundred kills, clients that
 * are waited for until they are cut off): some minutes. Without KUBE_NETC_TEST_FULL=1 they are smaller, for `npm test`.
 */
export const FULL_SIZE = process.env['KUBE_NETC_TEST_FULL'] === '1';
