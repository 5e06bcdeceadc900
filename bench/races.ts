// Walks that race with closes at full churn, for long: not one byte, connection or segment may be lost or doubled.
// Prints a line of JSON a run and a verdict; exit code 1 if any run differs. As root:
// node bench/races.ts [runs] [seconds]
import { problemsOf, RaceLabs } from '../test/support/race-scenarios.ts';
import { machine } from './machine.ts';

const runs = Number(process.argv[2] ?? 20);
const seconds = Number(process.argv[3] ?? 60);

const labs = new RaceLabs();
/** Made once, so that all runs are of one object, whatever is built meanwhile. */
const changed = await labs.prepare('churn');
let failed = 0;
let connections = 0;
for (let run = 0; run < runs; run++) {
  const family = run % 2 === 0 ? 'IPv4' : 'IPv6';
  const trackProcess = run % 4 < 2;
  const result = await labs.race('churn', { ...changed, seconds, family, trackProcess, slots: 32_768 });
  const problems = problemsOf(result);
  failed += problems.length > 0 ? 1 : 0;
  connections += result.expected.client.closed;
  const { expected, counters, missed, untold, walks, read, connectionsPerSecond } = result;
  console.log(
    JSON.stringify({
      run: run + 1,
      family,
      trackProcess,
      problems,
      connectionsPerSecond,
      sent: expected.client,
      walks,
      read,
      missed,
      untold,
      counters,
    }),
  );
}
await labs.close();
console.log(
  JSON.stringify({
    bench: 'races',
    runs,
    seconds,
    failed,
    connections,
    verdict: failed === 0 ? 'exact' : 'differs',
    machine: machine(),
  }),
);
process.exitCode = failed === 0 ? 0 : 1;
