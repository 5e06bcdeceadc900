import type { SendingTimes } from '../../src/collector/slowness.ts';
import type { Page } from './page.ts';

/** What the page says of data that went to a port, as the host of the sender tells it, and what it leaves to congestion. */
export function sendingTimes(page: Page, port: number): SendingTimes & { readonly congestion: number } {
  const of = { reporter: 'source', destination_port: String(port) };
  const way = { ...of, direction: 'to_server' };
  const limited = (by: string): number => page.value('kube_netc_edge_limited_seconds_total', { ...way, by });
  return {
    open: page.value('kube_netc_edge_connection_duration_seconds_sum', of),
    busy: page.value('kube_netc_edge_busy_seconds_total', way),
    receiver: limited('receiver'),
    sendBuffer: limited('send_buffer'),
    congestion: limited('congestion'),
  };
}
