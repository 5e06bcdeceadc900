// Walks that race with closes at full churn, for long: not one byte, connection or segment may be lost or doubled.
// Prints a line of JSON a run and a verdict; exit code 1 if any run differs. As root:
// node bench/soak.ts [runs] [seconds]
import { ExactLab } from '../test/support/exact-lab.ts';
import { buildMutant } from '../test/support/mutant.ts';
import { race } from '../test/support/race.ts';
import { problemsOf } from '../test/support/race-scenarios.ts';
import { TELL_TIMES } from '../test/support/race-times.ts';
import { only, STRETCHABLE } from '../test/support/race-windows.ts';
import { machine } from './machine.ts';

const runs = Number(process.argv[2] ?? 20);
const seconds = Number(process.argv[3] ?? 60);

const lab = await ExactLab.open();
/** Made once, so that all runs are of one object, whatever is built meanwhile. It sees the sockets of these hosts alone. */
const object = await buildMutant([
  STRETCHABLE,
  ...only([lab.client.netnsInode, lab.server.netnsInode]),
  ...TELL_TIMES,
]);
let failed = 0;
let connections = 0;
for (let run = 0; run < runs; run++) {
  const family = run % 2 === 0 ? 'IPv4' : 'IPv6';
  const trackProcess = run % 4 < 2;
  const result = await race(lab, { object, seconds, family, trackProcess, slots: 32_768, older: 8 });
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
await lab.close();
console.log(
  JSON.stringify({
    bench: 'soak',
    runs,
    seconds,
    failed,
    connections,
    verdict: failed === 0 ? 'exact' : 'differs',
    machine: machine(),
  }),
);
process.exitCode = failed === 0 ? 0 : 1;
