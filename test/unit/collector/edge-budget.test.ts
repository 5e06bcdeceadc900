import { describe, expect, test } from 'vitest';
import { ConnectFailure } from '../../../src/abi/records.gen.ts';
import { type EdgeView, WHOLE_VIEW } from '../../../src/collector/edge-labels.ts';
import { OTHER } from '../../../src/tracker/flow-table.ts';
import { EdgePage, type Samples } from './edge-page.ts';
import { spec } from './machine.ts';

const CLIENT = 'source|cgroup 1|unit||||||80|tcp|private';
const OTHER_SOURCE = 'source|other|other||other|other|||||';

describe('`other`', () => {
  test('is shown once anything is in it', () => {
    const page = new EdgePage(9);
    expect(page.after(1).count).toBe(0);
    page.machine.books.add(OTHER, 'receivedBytes', 7);
    expect(page.after(1).counted).toEqual({ [`bytes_total ${OTHER_SOURCE}unknown|to_client`]: 7 });
  });

  test('is one for each scope', () => {
    const page = new EdgePage(1);
    page.machine.transfer(spec({ port: 80 }), 9, 0);
    page.machine.transfer(spec({ port: 81 }), 2, 0);
    page.machine.transfer(spec({ port: 82 }), 3, 0);
    page.machine.transfer(spec({ port: 53, remote: 0, protocol: 17 }), 4, 0);
    const now = page.after(1);
    expect(now.values.get(`bytes_total ${OTHER_SOURCE}private|to_server`)).toBe(5);
    expect(now.values.get(`bytes_total ${OTHER_SOURCE}unknown|to_server`)).toBe(4);
    expect(page.edges.stats).toEqual({ edges: 1, budget: 1, folded: 3 });
  });
});

describe('the budget', () => {
  const port = (number: number): string => `bytes_total ${CLIENT.replace('80', String(number))}|to_server`;
  const shown = (now: Samples): number[] => [80, 81, 82, 83].filter((number) => now.values.has(port(number)));

  test('goes to the largest edges, and to failing ones', () => {
    const page = new EdgePage(2);
    page.machine.transfer(spec({ port: 80 }), 10, 0);
    page.machine.transfer(spec({ port: 81 }), 1, 0);
    page.machine.transfer(spec({ port: 82 }), 300, 0);
    page.machine.fail(spec({ port: 83 }), ConnectFailure.FAILED_REFUSED);
    expect(shown(page.after(1))).toEqual([82, 83]);
  });

  test('is given to an edge that is twice as large as one that has had it for a while, and not before', () => {
    const page = new EdgePage(1);
    page.machine.transfer(spec({ port: 80 }), 1000, 0);
    expect(shown(page.after(1))).toEqual([80]);
    page.machine.transfer(spec({ port: 81 }), 5000, 0);
    expect(shown(page.after(1))).toEqual([80]); // it has just been given to 80
    page.machine.transfer(spec({ port: 80 }), 2000, 0);
    page.machine.transfer(spec({ port: 82 }), 1, 0);
    for (let i = 0; i < 8; i++) {
      page.machine.transfer(spec({ port: 80 }), 1, 0);
      page.machine.transfer(spec({ port: 81 }), 1, 0);
      page.after(9);
    }
    expect(shown(page.shown())).toEqual([80]); // 81 is larger, but not twice as large
    page.machine.transfer(spec({ port: 81 }), 5000, 0);
    const now = page.after(1);
    expect(shown(now)).toEqual([81]);
    expect(now.values.get(port(81))).toBe(5000); // what it had before stays where it was counted
    expect(now.values.get(`bytes_total ${OTHER_SOURCE}private|to_server`)).toBe(3008 + 5008 + 1);
  });
});

describe('what is shown of an edge', () => {
  const edges = (view: Partial<EdgeView>): string[] => {
    const page = new EdgePage(9, { ...WHOLE_VIEW, ...view });
    page.machine.identity.pods.set('10.1.0.1', 'web-0');
    page.machine.transfer(spec({ port: 80 }), 1, 0);
    page.machine.transfer(spec({ port: 81 }), 20, 0);
    const { counted } = page.after(1);
    return Object.entries(counted).flatMap(([key, value]) =>
      key.startsWith('bytes_total ') ? `${key.slice('bytes_total '.length)} ${value}` : [],
    );
  };

  test('is less where labels are dropped: edges that they told apart are one', () => {
    expect(edges({ dropped: new Set(['destination_port', 'source_kind']) })).toEqual([
      'source|cgroup 1|||web-0|pod|shop|||tcp|cluster|to_server 21',
    ]);
  });

  test('is namespaces alone at that level', () => {
    expect(edges({ level: 'namespace' })).toEqual([
      'source||||||shop||80|tcp|cluster|to_server 1',
      'source||||||shop||81|tcp|cluster|to_server 20',
    ]);
  });
});
