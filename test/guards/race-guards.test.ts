// Each guard between a walk, a close and user space has its reason: without it, and with the moments that it guards made
// long, a race goes wrong. With all guards in place, and those moments just as long, none does.
import { describe, expect, it } from 'vitest';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { GUARDS } from '../support/race-guards.ts';
import { RaceLabs, type ScenarioName } from '../support/race-scenarios.ts';
import { stretched, type WindowName, WINDOWS } from '../support/race-windows.ts';
import { setUp } from '../support/set-up.ts';

const TRIES = 8; // most go wrong at the first

let labs: RaceLabs;
setUp(whyNoLab(), async (closing) => {
  labs = new RaceLabs();
  closing.defer(async () => labs.close());
});

describe('without the guard', () => {
  it.each(GUARDS)('"$name" a race goes wrong', async ({ scenario, windows, removal }) => {
    const changed = await labs.prepare(scenario, [...windows, ...removal]);
    let problems: string[] = [];
    for (let i = 0; i < TRIES && problems.length === 0; i++)
      problems = await labs.problems(scenario, changed);
    expect(problems).not.toEqual([]);
  });
});

describe('with all guards, and all of the moments stretched', () => {
  const scenarios = ['churn', 'close', 'reuse', 'loss', 'older', 'retiring', 'missed'] as const;
  it.each(scenarios)('a race does not go wrong: %s', async (scenario: ScenarioName) => {
    const names = Object.keys(WINDOWS) as WindowName[];
    const changed = await labs.prepare(
      scenario,
      names.map((name) => stretched(name)),
    );
    expect(await labs.problems(scenario, changed)).toEqual([]);
  });
});
