import type { AuditRow } from './audit.ts';
import type { Sample } from './samples.ts';

/** The metrics of an audit. A row about which nothing can be told has both sides, and no unexplained. */
export function auditSamples(rows: readonly AuditRow[]): Sample[] {
  return rows.flatMap((row) => {
    const labels = [String(row.netns), row.counter];
    const samples: Sample[] = [
      { metric: 'kube_netc_agent_audit_kernel', labels, value: row.kernel },
      { metric: 'kube_netc_agent_audit_accounted', labels, value: row.accounted },
    ];
    if (row.verdict === 'cannot tell') return samples;
    for (const { cause, count } of row.explained) {
      samples.push({ metric: 'kube_netc_agent_audit_explained', labels: [...labels, cause], value: count });
    }
    samples.push({ metric: 'kube_netc_agent_audit_unexplained', labels, value: row.unexplained });
    return samples;
  });
}
