import { CLOSE_GUARDS } from './race-guards/close-guards.ts';
import { FLOW_GUARDS } from './race-guards/flow-guards.ts';
import type { Guard } from './race-guards/guard.ts';
import { READ_GUARDS } from './race-guards/read-guards.ts';
import { START_GUARDS } from './race-guards/start-guards.ts';
import { TIME_GUARDS } from './race-guards/time-guards.ts';

/** All guards against races. */
export const GUARDS: readonly Guard[] = [
  ...CLOSE_GUARDS,
  ...READ_GUARDS,
  ...TIME_GUARDS,
  ...START_GUARDS,
  ...FLOW_GUARDS,
];
