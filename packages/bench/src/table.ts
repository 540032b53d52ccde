import pc from 'picocolors';
import { figure, measured, ratioText, spread } from './figures.ts';
import type { BenchReport, ScenarioReport } from './report.ts';

/** The report for a terminal. */
export function tables({ machine, scenarios }: BenchReport): string {
  const { cpu, cores, memoryGiB, node, redis, nats, postgres } = machine;
  const on = `${cpu}, ${cores} cores, ${memoryGiB} GiB; Node ${node}, Redis ${redis}, NATS ${nats}, Postgres ${postgres}`;
  return [pc.dim(on), ...scenarios.map(table)].join('\n\n');
}

function table({ title, floor, rows, targets, seconds, error }: ScenarioReport): string {
  const cells = rows.map(({ subject, metric, median, min, max, ratio, rounds }) => [
    subject === floor ? `${subject} (floor)` : subject,
    metric.name,
    figure(median, metric.unit),
    spread(min, max, metric.unit, rounds),
    ratioText(ratio),
  ]);
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(0, ...cells.map((row) => row[i]!.length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  const verdicts = targets.map(({ says, value, met }) => {
    return `${met ? pc.green('met   ') : pc.red('missed')} ${says}: ${measured(value)}`;
  });
  const failed = error === undefined ? [] : [pc.red(`ended early: ${error}`)];
  return [`${pc.bold(title)} ${pc.dim(`${Math.round(seconds)} s`)}`, ...lines, ...verdicts, ...failed].join(
    '\n',
  );
}
