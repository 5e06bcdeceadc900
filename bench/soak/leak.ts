// Loaded into the agent by `npm run soak -- --leak KIND`: a leak put in on purpose, so that the soak can be seen to fail.
import { openSync } from 'node:fs';

/** 50 kB a second: 7 MiB in the judged half of five minutes. */
const BYTES = 25_000;
const MEMORY_MS = 500;
const DESCRIPTOR_MS = 10_000;

const kept: unknown[] = [];
if (process.env['SOAK_LEAK'] === 'memory')
  setInterval(() => kept.push(Buffer.alloc(BYTES, kept.length + 1)), MEMORY_MS).unref();
if (process.env['SOAK_LEAK'] === 'descriptors')
  setInterval(() => kept.push(openSync('/dev/null', 'r')), DESCRIPTOR_MS).unref();
