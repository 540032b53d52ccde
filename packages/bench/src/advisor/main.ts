import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkClusters, clusterRows } from '@tidemark/advisor';
import { Command } from 'commander';
import { clusterChart } from './cluster-chart.ts';
import { clusterPage, errorTable } from './cluster-page.ts';

interface Flags {
  readonly json?: boolean;
  readonly writeDocs?: string;
}

const TABLE = fileURLToPath(new URL('../../data/twitter-2020-workloads.csv', import.meta.url));

const program = new Command('npm run check-advisor --')
  .description(
    "Compares the advisor's predicted misses with those that were published of 40 clusters at Twitter.",
  )
  .option('--json', 'print every cluster as one JSON document on stdout, and nothing else')
  .option('--write-docs <folder>', 'write advisor-clusters.md and its chart there')
  .addHelpText(
    'after',
    `
Exit codes: 0 compared, 2 wrong usage.

Examples:
  npm run check-advisor
  npm run check-advisor -- --write-docs docs/reference`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();

const { json, writeDocs }: Flags = program.opts();
const checks = checkClusters(clusterRows(await readFile(TABLE, 'utf8')));
if (writeDocs !== undefined) {
  await mkdir(join(writeDocs, 'benchmarks'), { recursive: true });
  await writeFile(join(writeDocs, 'advisor-clusters.md'), clusterPage(checks));
  await writeFile(join(writeDocs, 'benchmarks/advisor.svg'), await clusterChart(checks));
}
process.stdout.write(`${json ? JSON.stringify(checks) : errorTable(checks)}\n`);
