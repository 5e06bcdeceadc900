import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Dashboard, Panel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, variable, WORKLOAD_UID } from './frame.ts';
import { LIMITS_IN_WORDS, mainLimit } from './limits.ts';
import { stat, words } from './panels.ts';
import { type Matchers, now, once, perSecond, resentShare, select, sum } from './promql.ts';
import { BOTH_WAYS, CALLED, CALLING, FROM_IT, TO_IT } from './this-workload.ts';
import { peers } from './workload-peers.ts';
import { quality } from './workload-quality.ts';

/** The values of a label of both ends, each once. */
function ofBothEnds(label: string, matchers: (end: string) => Matchers): string {
  const values = (end: string): string => {
    const series = `group by (${end}_${label}) (${select('kube_netc_edge_bytes_total', matchers(end))})`;
    return `label_replace(${series}, "${label}", "$1", "${end}_${label}", "(.+)")`;
  };
  return `group by (${label}) (${values('source')} or ${values('destination')})`;
}

const VARIABLES: readonly Builder<VariableModel>[] = [
  variable({ name: 'namespace', label: 'Namespace', all: true, expr: ofBothEnds('namespace', () => ({})) }),
  variable({
    name: 'workload',
    label: 'Workload',
    all: false,
    expr: ofBothEnds('workload', (end) => ({ [`${end}_namespace`]: '=~"$namespace"' })),
  }),
];

function heldUp(): Builder<Panel>[] {
  const common = { unit: 'percentunit', width: 6, label: 'by', words: LIMITS_IN_WORDS };
  return [
    words({
      ...common,
      title: 'What it sends is held up by',
      description:
        'The largest share of the time in which it had data under way that was not acknowledged yet, or of the time without.',
      expr: mainLimit(FROM_IT),
      nothing: 'nothing is open',
    }),
    words({
      ...common,
      title: 'What is sent to it is held up by',
      description: 'The same of those it talks to: here the receiver is this workload.',
      expr: mainLimit(TO_IT),
      nothing: 'nothing is open',
    }),
  ];
}

function numbers(): Builder<Panel>[] {
  const failures = (of: Matchers): string =>
    perSecond(select('kube_netc_edge_connect_failures_total', { reporter: '="source"', ...of }));
  const open = (of: Matchers): string => once('kube_netc_edge_connections_active', now, of);
  return [
    ...heldUp(),
    stat({
      title: 'Failed connects',
      description: 'Attempts a second, to it and by it, that ended in no connection.',
      unit: 'cps',
      width: 4,
      expr: sum(`${failures(CALLED)} or ${failures(CALLING)}`),
      alarming: [0.1, 1],
    }),
    stat({
      title: 'Sent again',
      description: 'The share of TCP segments, from it and to it, that had to be sent again.',
      unit: 'percentunit',
      width: 4,
      expr: resentShare(BOTH_WAYS),
      alarming: [0.005, 0.02],
    }),
    stat({
      title: 'Open connections',
      description: 'To it and by it.',
      unit: 'short',
      width: 4,
      expr: sum(`${open(CALLED)} or ${open(CALLING)}`),
    }),
  ];
}

/** One workload: with whom it talks, how much, how well, and what holds it up. */
export function workload(): Dashboard {
  return dashboard({
    uid: WORKLOAD_UID,
    title: 'kube-netc / Workload',
    description:
      'One workload: who calls it and whom it calls, how well that goes, and what holds it up. ' +
      'Where Kubernetes is not, workloads are containers, systemd units and processes, without a namespace.',
    variables: VARIABLES,
    rows: [
      { heading: '', panels: numbers() },
      { heading: 'Both directions', panels: peers() },
      { heading: 'How well', panels: quality() },
    ],
  });
}
