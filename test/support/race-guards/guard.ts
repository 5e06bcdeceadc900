import type { Edit } from '../mutant.ts';
import type { ScenarioName } from '../race-scenarios.ts';
import { stretched, type WindowName } from '../race-windows.ts';

/** A guard against a race: what its removal is, where its absence is looked for, and in which windows. */
export interface Guard {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly windows: readonly Edit[];
  /** Of kernel/, or of src/tracker/flow-table.ts. */
  readonly removal: readonly Edit[];
}

/** An edit of a file of kernel/. */
export function edit(file: string, find: string, put: string): Edit {
  return { file: `kernel/${file}`, find, put };
}

/** These windows, each stretched now and then. */
export function widen(...names: readonly WindowName[]): Edit[] {
  return names.map((name) => stretched(name));
}
