import {
  ConfigurationError,
  type DeadLetter,
  type Invalidation,
  isKey,
  KeyError,
  keyspaceOf,
  listDeadLetters,
} from '@tidemark/core';
import type { Mesh } from './mesh.ts';
import { ask, type Reached } from './reached.ts';

/** A change that no store can apply, and the regions that it keeps from proving anything. */
export interface HeldLetter extends DeadLetter {
  /** When its row was written, by this machine's clock, ms since 1970; null when it is gone meanwhile. */
  readonly atMs: number | null;
  readonly regions: readonly string[];
}

export interface MeshLetters {
  readonly letters: readonly HeldLetter[];
  readonly regions: readonly ({ readonly region: string } & Reached<{ readonly open: number }>)[];
}

/** The dead letters of all regions, oldest first. @throws SourceUnavailableError */
export async function meshLetters(mesh: Mesh): Promise<MeshLetters> {
  const { through } = await mesh.truth(({ source }) => source.labels([]));
  const { source, inspector } = mesh.regions.find(({ region }) => region.id === through)!;
  const found = new Map<string, { readonly letter: DeadLetter; readonly regions: string[] }>();
  const regions = await Promise.all(
    mesh.regions.map(async ({ region, store }) => {
      const answer = await ask(2 * mesh.answerMs, async () => ({
        letters: await listDeadLetters({ source, store }),
      }));
      if (!answer.reachable) return { region: region.id, ...answer };
      for (const letter of answer.letters) {
        const { key, version } = letter.change;
        const id = `${version.n} ${key}`;
        const known = found.get(id);
        if (known) known.regions.push(region.id);
        else found.set(id, { letter, regions: [region.id] });
      }
      return { region: region.id, reachable: true as const, open: answer.letters.length };
    }),
  );
  const held = [...found.values()];
  const { rows, atMs } = await inspector.keys(held.map(({ letter }) => letter.change.key));
  const nowMs = Date.now();
  const letters = held.map(({ letter, regions: held_ }, i) => {
    const row = rows[i];
    return { ...letter, atMs: row ? nowMs - (atMs - row.atMs) : null, regions: held_.toSorted() };
  });
  return { letters, regions };
}

/**
 * Mends a dead letter: its row leaves the changelog, and the key that it was meant for gets a new version in the same
 * transaction. Needs the role that ran `migrate()`.
 *
 * @param as the key that it was meant for
 * @throws ConfigurationError when there is no such letter, or this role may not; KeyError
 */
export async function replayLetter(mesh: Mesh, key: string, as: string): Promise<readonly Invalidation[]> {
  if (!isKey(as)) {
    throw new KeyError(
      keyspaceOf(as),
      `${JSON.stringify(as)} is not an encoded key; give the one that was meant by --as`,
    );
  }
  const { letters } = await meshLetters(mesh);
  if (!letters.some(({ change }) => change.key === key)) {
    throw new ConfigurationError(
      `no region has a dead letter ${JSON.stringify(key)}; see tidemark dead-letters show`,
    );
  }
  try {
    const { answer } = await mesh.truth(({ source }) =>
      source.transaction(async (tx, bump) => {
        // Only what no store can apply: the row may have been mended meanwhile.
        await tx.query(
          'DELETE FROM tidemark.versions WHERE key = $1 AND ($2 OR version NOT BETWEEN 0 AND 9007199254740991)',
          [key, !isKey(key)],
        );
        bump(as);
      }),
    );
    return answer.invalidations;
  } catch (error) {
    if ((error as { code?: unknown }).code !== '42501') throw error;
    throw new ConfigurationError(
      'this role may not write to the changelog; use the role that ran migrate()',
      {
        cause: error,
      },
    );
  }
}
