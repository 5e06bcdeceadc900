import { PARTS } from '../parts.ts';
import type { Result } from '../support/result.ts';
import type { Reader } from './reader.ts';
import { SECTIONS } from './sections.ts';
import { type Soak, soakSection } from './soak.ts';
import { TARGETS } from './targets.ts';
import { number, table } from './text.ts';

const VERDICTS = { true: 'met', false: '**missed**', null: 'too noisy to tell' };
/** More than this many processors busy with something else: its figures are not those of a quiet machine. */
const QUIET_CORES = 0.3;
/** The same where that was not measured, by the load average. */
const QUIET_LOAD = 2;

/** docs/benchmarks.md of these results, by the name of their benchmark. */
export function benchmarksPage(results: ReadonlyMap<string, Reader>, soak: Soak | null = null): string {
  const sections = SECTIONS.flatMap(({ bench, title, about, tables }) => {
    const reader = results.get(bench);
    const head = `## ${title}\n\n${about}\n`;
    if (reader === undefined) return [head, `Not run yet: ${commandOf(bench)}.\n`];
    return [
      head,
      `${ranAs(bench, reader.result)}\n`,
      ...tables(reader),
      ...reader.result.notes.map((text) => `- ${text}\n`),
    ];
  });
  return `${[HEAD, '## Targets\n', ...targets(results), ...sections, ...soakSection(soak)].join('\n').trimEnd()}\n`;
}

const HEAD = `<!-- Made by npm run bench (bench/report/) from bench/results/*.json. Do not edit. -->
# Benchmarks

Every figure comes from a script that you can run: \`npm run bench\` measures for some twenty minutes, as root, on a machine with
nothing else to do, and makes this page of what \`bench/results/\` then holds; \`npm run bench -- NAME\` runs one of them. Behind
a median stand its quartiles. Above each table: what was run, at which commit, when, the load average before and after it
(a benchmark that keeps one core busy makes 1 to 2 by itself), and how many processors had something else to do meanwhile,
which is what tells a machine that was not quiet.
`;

function commandOf(bench: string): string {
  return PARTS.some(({ name }) => name === bench) ? `\`npm run bench -- ${bench}\`` : `see \`bench/\``;
}

function ranAs(bench: string, result: Result): string {
  const { command, commit, date, machine, load, seconds } = result;
  const where = `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}`;
  const how = PARTS.some(({ name }) => name === bench)
    ? `${commandOf(bench)} (\`${command}\`)`
    : `\`${command}\``;
  const took = seconds > 0 ? `, ${number(seconds)} s` : '';
  return `${how}, commit ${commit}, ${date}${took}; ${where}; load ${load.before} before, ${load.after} after. ${quiet(result)}`;
}

function quiet({ othersCores, machine, load }: Result): string {
  if (othersCores === null)
    return Math.max(load.before, load.after) > QUIET_LOAD ? '**The machine was not quiet.**' : '';
  const others = `Others had ${othersCores} of ${machine.cores} cores`;
  return othersCores > QUIET_CORES ? `**${others}: the machine was not quiet.**` : `${others}.`;
}

function targets(results: ReadonlyMap<string, Reader>): readonly string[] {
  const verdicts = TARGETS.map(({ what, limit, bench, judge }) => {
    const reader = results.get(bench);
    if (reader === undefined)
      return { row: [what, limit, `not run yet: ${commandOf(bench)}`, ''], missed: false };
    const verdict = judge(reader);
    if (verdict === null) return { row: [what, limit, 'not run in this size', ''], missed: false };
    const { seen, met } = verdict;
    const busy = quiet(reader.result).startsWith('**') ? ' (not a quiet machine)' : '';
    return {
      row: [what, limit, `${seen}${busy}`, VERDICTS[String(met) as keyof typeof VERDICTS]],
      missed: met === false,
    };
  });
  const missed = verdicts.filter(({ missed: isMissed }) => isMissed).length;
  return [
    table(
      ['what', 'target', 'seen', ''],
      verdicts.map(({ row }) => row),
    ),
    missed === 0 ? 'None of those that were run is missed.\n' : `Missed: ${missed} of ${verdicts.length}.\n`,
  ];
}
