// Walks that race with closes at full churn, for long: not one byte, connection or segment may be lost or doubled.
// Says of each run what differs; exit code 1 if any does. As root: node bench/races.ts [runs] [seconds]
import { problemsOf, RaceLabs } from '../test/support/race-scenarios.ts';
import { bench, progress } from './support/bench.ts';

const runs = Number(process.argv[2] ?? 20);
const seconds = Number(process.argv[3] ?? 60);

await bench(async (figures) => {
  const labs = new RaceLabs();
  /** Made once, so that all runs are of one object, whatever is built meanwhile. */
  const changed = await labs.prepare('churn');
  const sums = { differ: 0, connections: 0, bytes: 0, walks: 0, read: 0, handedOver: 0, untold: 0 };
  for (let run = 0; run < runs; run++) {
    const family = run % 2 === 0 ? 'IPv4' : 'IPv6';
    const trackProcess = run % 4 < 2;
    progress(`races: run ${run + 1} of ${runs}, ${family}, processes ${trackProcess ? 'kept' : 'not kept'}`);
    const result = await labs.race('churn', { ...changed, seconds, family, trackProcess, slots: 32_768 });
    const problems = problemsOf(result);
    if (problems.length > 0) figures.note(`Run ${run + 1} differs: ${JSON.stringify(problems)}`);
    const { client } = result.expected;
    sums.differ += problems.length > 0 ? 1 : 0;
    sums.connections += client.closed;
    sums.bytes += client.sentBytes + client.receivedBytes;
    sums.walks += result.walks;
    sums.read += result.read;
    sums.handedOver += result.counters.handedOver;
    sums.untold += result.untold;
  }
  await labs.close();
  const of = { runs, seconds };
  figures.add('runs that differ', of, '', sums.differ);
  figures.add('connections', of, '', sums.connections);
  figures.add('bytes, both ways', of, 'B', sums.bytes);
  figures.add('walks', of, '', sums.walks);
  figures.add('reads of live sockets', of, '', sums.read);
  figures.add('closes that met a walk and were handed over', of, '', sums.handedOver);
  figures.add('changes of state that the kernel told no program of', of, '', sums.untold);
  process.exitCode = sums.differ === 0 ? 0 : 1;
});
