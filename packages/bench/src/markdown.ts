import { figure, measured, ratioText, spread } from './figures.ts';
import type { BenchReport, Row, ScenarioReport } from './report.ts';

/** The report as a page of the documentation. */
export function markdown(report: BenchReport): string {
  const { date, cpu, cores, memoryGiB, node, redis, nats, postgres } = report.machine;
  const missed = report.scenarios.flatMap(({ title, targets }) =>
    targets
      .filter(({ met }) => !met)
      .map(
        ({ says, value, bound }) =>
          `- ${title}: ${says}. Measured: ${measured(value)}, asked: ${measured(bound)}.`,
      ),
  );
  return `# Benchmarks

Made by \`npm run bench -- --write-docs docs/reference\` on ${date}; do not edit. ${cpu}, ${cores} cores, ${memoryGiB} GiB, all servers and clients on
it; Node ${node}, Redis ${redis}, NATS ${nats}, Postgres ${postgres} (without fsync, where a scenario does not say otherwise). Other libraries: the versions of \`packages/bench/peers/package.json\`.

Absolute figures are those of this machine: what counts is how figures of one table compare. Each is the median over the rounds, with the
least and the greatest; ratios are to the floor, taken within each round.

## Targets that were missed

${missed.length === 0 ? 'None.' : missed.join('\n')}

${report.scenarios.map(section).join('\n\n')}
`;
}

function section({ name, title, how, floor, rows, targets, seconds, error }: ScenarioReport): string {
  const lines = rows.map((row) => line(row, floor));
  const judged = targets.map(
    ({ says, value, met }) => `- ${met ? 'met' : '**missed**'}: ${says} (${measured(value)})`,
  );
  const chart = rows.length === 0 ? '' : `\n![${title}](benchmarks/${name}.svg)\n`;
  return `## ${title}

${how} \`npm run bench -- --only ${name}\`, ${Math.round(seconds)} s.
${error === undefined ? '' : `\nIt ended early: ${error}\n`}${chart}
| subject | what | median | least – greatest | to the floor |
|---|---|---|---|---|
${lines.join('\n')}
${judged.length === 0 ? '' : `\n${judged.join('\n')}\n`}`;
}

function line({ subject, metric, median, min, max, ratio, rounds }: Row, floor: string | null): string {
  const { name, unit } = metric;
  const named =
    subject === floor ? `${subject} (floor)` : subject === 'tidemark' ? `**${subject}**` : subject;
  return `| ${named} | ${name} | ${figure(median, unit)} | ${spread(min, max, unit, rounds)} | ${ratioText(ratio)} |`;
}
