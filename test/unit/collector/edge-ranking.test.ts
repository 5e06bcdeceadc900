import { expect, test } from 'vitest';
import type { Edge } from '../../../src/collector/edge.ts';
import { EdgeRanking, STAY_NS } from '../../../src/collector/edge-ranking.ts';

const EDGES = 1_000_000;

test('of a million edges some thousand are looked at in one piece, whatever changes', () => {
  let looks = 0;
  const edges = Array.from({ length: EDGES }, (_, i) => ({
    account: i < EDGES / 2 ? {} : null,
    shownNs: 0,
    get size(): number {
      looks++;
      return (i * 7919) % EDGES;
    },
  })) as unknown as Edge[];
  const ranking = new EdgeRanking();
  for (const free of [0, 300_000]) {
    ranking.begin();
    for (const edge of edges) ranking.add(edge, STAY_NS);
    const work = ranking.choose(free);
    let longest = 0;
    for (;;) {
      looks = 0;
      const { done, value } = work.next();
      longest = Math.max(longest, looks);
      if (done !== true) continue;
      expect([value.show.length, value.hide.length]).toEqual([free + 64, 64]);
      break;
    }
    expect(longest).toBeLessThanOrEqual(8_192); // 4,096, and 64 that are put in order
  }
});
