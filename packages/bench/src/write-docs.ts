import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chart } from './chart.ts';
import { markdown } from './markdown.ts';
import type { BenchReport } from './report.ts';

/** Writes `benchmarks.md` and its charts into a folder. */
export async function writeDocs(report: BenchReport, folder: string): Promise<void> {
  const charts = join(folder, 'benchmarks');
  await mkdir(charts, { recursive: true });
  await writeFile(join(folder, 'benchmarks.md'), markdown(report));
  for (const scenario of report.scenarios) {
    if (scenario.rows.length > 0)
      await writeFile(join(charts, `${scenario.name}.svg`), await chart(scenario));
  }
}
