import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import root from '../../vitest.config.ts';
import type { Edit } from './src/mutants/mutant.ts';
import { edited, ROOT } from './src/mutants/try-mutant.ts';

const edits = JSON.parse(readFileSync(process.env['TIDEMARK_MUTANT_EDITS']!, 'utf8')) as Edit[];

/** The workspace's tests over code with a rule less. */
export default mergeConfig(
  root,
  defineConfig({
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform(code, id) {
          const file = relative(ROOT, id.split('?')[0]!);
          const mine = edits.filter((each) => each.file === file);
          return mine.length === 0 ? undefined : edited(code, mine);
        },
      },
    ],
  }),
);
