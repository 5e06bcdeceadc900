import { describe, expect, it } from 'vitest';
import { auditExitCode, type AuditReport, formatAuditTable } from '../../../src/cli/audit-table.ts';
import type { AuditRow } from '../../../src/collector/audit.ts';

const EXACT: AuditRow = {
  netns: 4026531833,
  through: 'self',
  counter: 'TcpInSegs',
  kernel: 121920,
  accounted: 121920,
  explained: [],
  unexplained: 0,
  verdict: 'exact',
  reason: '',
};
const EXPLAINED: AuditRow = {
  ...EXACT,
  netns: 4026532179,
  through: 'pid 812',
  counter: 'TcpOutSegs',
  kernel: 60001,
  accounted: 53999,
  explained: [
    { cause: 'syn_ack', count: 6000 },
    { cause: 'time_wait', count: 2 },
  ],
  verdict: 'explained',
};
const UNEXPLAINED: AuditRow = { ...EXACT, accounted: 121900, unexplained: 20, verdict: 'unexplained' };
const BLIND: AuditRow = {
  ...EXACT,
  counter: 'UdpInDatagrams',
  kernel: 12,
  accounted: 0,
  unexplained: 12,
  verdict: 'cannot tell',
  reason: 'UDP is not counted',
};

function report(...rows: AuditRow[]): AuditReport {
  return { rows, unreadable: [], skipped: 0 };
}

describe('the table of an audit', () => {
  it('is aligned, names the causes, and ends with the verdict', () => {
    expect(formatAuditTable(report(EXACT, EXPLAINED, BLIND))).toBe(
      [
        'NAMESPACE             COUNTER         KERNEL  ACCOUNTED  EXPLAINED                  UNEXPLAINED  VERDICT',
        '4026531833 (own)      TcpInSegs       121920     121920  -                                    0  exact',
        '4026532179 (pid 812)  TcpOutSegs       60001      53999  6000 syn ack, 2 time wait            0  explained',
        '4026531833 (own)      UdpInDatagrams      12          0  -                                    -  cannot tell: UDP is not counted',
        'verdict: explained: 1 of 2 exact, the rest within named causes; 1 cannot be told',
        '',
      ].join('\n'),
    );
  });

  it('lists what was not audited', () => {
    const unreadable = [{ netns: 42, reason: 'no process to read it through' }];
    const text = formatAuditTable({ rows: [EXACT], unreadable, skipped: 3 });
    expect(text.split('\n').slice(2)).toEqual([
      '42: not audited: no process to read it through',
      '3 more namespaces: not audited: too many',
      'verdict: exact; 4 namespaces not audited',
      '',
    ]);
  });

  it.each([
    [[EXACT], 'exact', 0],
    [[EXACT, EXPLAINED], 'explained: 1 of 2 exact, the rest within named causes', 0],
    [[EXACT, BLIND], 'exact; 1 cannot be told', 0],
    [[EXACT, UNEXPLAINED], 'unexplained: TcpInSegs of 4026531833 by 20', 1],
    [[BLIND], 'cannot tell; 1 cannot be told', 1],
    [[], 'cannot tell', 1],
  ] as const)('has a verdict over all, and an exit code: %#', (rows, verdict, code) => {
    const text = formatAuditTable(report(...rows));
    expect(text.trimEnd().split('\n').at(-1)).toBe(`verdict: ${verdict}`);
    expect(auditExitCode(report(...rows))).toBe(code);
  });
});
