// Each guard between a walk, a close and user space has its reason: without it, and with the moments that it guards made
// long, a race goes wrong. With all guards in place, and those moments just as long, none does.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { GUARDS } from '../support/race-guards.ts';
import { RaceLabs } from '../support/race-scenarios.ts';

const why = whyNoLab();
const TRIES = 6; // of two seconds each; most go wrong at the first

describe('without the guard', () => {
  let labs: RaceLabs;
  beforeAll(() => {
    labs = new RaceLabs();
  });
  beforeEach((context) => {
    if (why !== null) context.skip(why);
  });
  afterAll(async () => labs.close());

  it.each(GUARDS)(
    '"$name" a race goes wrong, and with it none does',
    async ({ scenario, windows, removal }) => {
      const guarded = await labs.build(scenario, windows);
      expect(await labs.problems(scenario, { object: guarded })).toEqual([]);
      const object = await labs.build(scenario, [...windows, ...removal]);
      let problems: string[] = [];
      for (let i = 0; i < TRIES && problems.length === 0; i++)
        problems = await labs.problems(scenario, { object });
      expect(problems).not.toEqual([]);
    },
  );
});
