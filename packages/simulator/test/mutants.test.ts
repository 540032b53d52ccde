import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../src/mutants/mutants.ts';
import { edited, ROOT, tryMutant } from '../src/mutants/try-mutant.ts';

/** Those that die soon; `npm run mutants` tries all. */
const SHARE = [
  'naive-cache-aside',
  'lease-stolen',
  'dependency-unchecked',
  'era-stays-after-restore',
  'schema-unjudged',
  'fill-of-old-epoch',
];

describe('mutants', () => {
  it('are many, and each is of the code as it is', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    for (const { name, edits, schedules, test } of MUTANTS) {
      for (const file of new Set(edits.map((edit) => edit.file))) {
        const mine = edits.filter((edit) => edit.file === file);
        expect(() => edited(readFileSync(join(ROOT, file), 'utf8'), mine), name).not.toThrow();
      }
      expect((schedules === undefined) !== (test === undefined), name).toBe(true);
      if (test) expect(existsSync(join(ROOT, test)), test).toBe(true);
    }
  });

  it.each(SHARE)('%s is noticed', { timeout: 120_000 }, async (name) => {
    const mutant = MUTANTS.find((each) => each.name === name)!;
    const { killedBy } = await tryMutant(mutant, new AbortController().signal);
    expect(killedBy).not.toBeNull();
  });
});
