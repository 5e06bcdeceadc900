import { type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { select } from './promql.ts';
import { dashboard } from './frame.ts';
import { type Lines, lines } from './panels.ts';

const PAIR = '{{source_address}}({{source_name}})➡{{destination_address}}({{destination_name}})';
const WIDE = { width: 12, height: 8, calcs: [] };

type Metric = 'bytes_sent' | 'bytes_recv' | 'bytes_sent_per_second' | 'bytes_recv_per_second';

function panel(title: string, metric: Metric, unit: string, description: string): Lines {
  return { title, description, unit, lines: [{ expr: select(metric), legend: PAIR }], ...WIDE };
}

/** The dashboard that kube-netc always had: its title, its panels, its queries, as panels of Grafana 9 and later. */
export function demo(): Dashboard {
  return dashboard({
    uid: 'FUSnYxGGk',
    title: 'kube-netc-demo',
    description: 'The five metrics of kube-netc, one line for each connection or pair of ends.',
    from: 'now-6h',
    refresh: '',
    rows: [
      {
        heading: '',
        panels: [
          lines(panel('Bytes Sent', 'bytes_sent', 'bytes', 'Payload that the source has sent so far.')),
          lines(
            panel('Bytes Received', 'bytes_recv', 'bytes', 'Payload that the source has received so far.'),
          ),
          lines(panel('Bytes Sent Per Second', 'bytes_sent_per_second', 'Bps', 'What the source sends now.')),
          lines(
            panel(
              'Bytes Received Per Second',
              'bytes_recv_per_second',
              'Bps',
              'What the source receives now.',
            ),
          ),
          lines({
            title: 'Number of Connections to Node',
            description:
              'Open connections. The metric now tells of whom with whom: their sum is that of the node.',
            unit: 'short',
            width: 24,
            height: 8,
            calcs: ['min', 'max', 'mean', 'lastNotNull'],
            lines: [{ expr: select('active_connections'), legend: PAIR }],
          }),
        ],
      },
    ],
  });
}
