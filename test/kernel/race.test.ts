// Walks that never pause race with connections that come and go: not one byte, connection or segment is lost or doubled.
// The long version is bench/races.ts.
import { describe, expect, it } from 'vitest';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { RaceLabs, type ScenarioName } from '../support/race-scenarios.ts';
import { setUp } from '../support/set-up.ts';

describe('walks that race with', () => {
  let labs: RaceLabs;
  setUp(whyNoLab(), async (closing) => {
    labs = new RaceLabs();
    closing.defer(async () => labs.close());
  });

  it.each([
    ['IPv4', true],
    ['IPv6', true],
    ['IPv4', false],
  ] as const)(
    'churn over %s (processes tracked: %s) lose and double nothing',
    async (family, trackProcess) => {
      const changed = await labs.prepare('churn'); // one that sees our hosts alone, not those of tests beside us
      expect(
        await labs.problems('churn', { ...changed, family, trackProcess, seconds: 4, slots: 16_384 }),
      ).toEqual([]);
    },
  );

  it.each([
    ['close', 'closes of a few connections'],
    ['crowd', 'more sockets than there are slots'],
    ['reuse', 'sockets that are connected again and again'],
    ['loss', 'connections that lose packets'],
    ['trickle', 'a connection that rests now and then'],
    ['retiring', 'flows that are forgotten as soon as they rest'],
    ['orphans', 'connections that their programs have left'],
    ['fastOpen', 'data in the SYN'],
    ['mptcp', 'the connections below those of MPTCP'],
    ['listeners', 'listeners that come and go'],
    ['spill', 'more flows than there are books'],
    ['missed', 'closes that are not told'],
    ['older', 'connections that close while the agent starts'],
    ['busy', 'connections that are busy while the agent starts'],
  ] as const satisfies readonly (readonly [ScenarioName, string])[])('%s: %s', async (scenario) => {
    expect(await labs.problems(scenario, await labs.prepare(scenario))).toEqual([]);
  });
});
