import type { CopiedBlock } from '../copied-block.ts';
import type { KeyList } from '../key-list.ts';
import { type Work, workOf } from '../work.ts';
import { openSnapshot } from './open-snapshot.ts';
import { SnapshotError } from './snapshot-error.ts';

async function* valuesIn(
  path: string,
  source: string,
): AsyncGenerator<{ readonly block: CopiedBlock; readonly savedAtMs: number }> {
  const snapshot = await openSnapshot(path);
  try {
    if (snapshot.header.source !== source) {
      throw new SnapshotError(
        `${path} was saved from the source ${snapshot.header.source}, not from ${source}`,
      );
    }
    const { savedAtMs } = snapshot.header;
    for await (const block of snapshot.blocks()) yield { block, savedAtMs };
  } finally {
    await snapshot.close();
  }
}

/** The keys of a snapshot, in its order; all of it is checked before anything of it is used. */
export async function* snapshotKeys(path: string, source: string): AsyncGenerator<readonly string[]> {
  for await (const { block } of valuesIn(path, source)) yield block.values.map(({ key }) => key);
}

/**
 * Work for a list: the snapshot's blocks with the keys that are wanted, then the wanted keys that it has not.
 * Copies have what is left of their TTLs, by the wall clocks of both machines; one without any is left to the origins.
 */
export async function* snapshotWork(
  path: string,
  source: string,
  { keys, reads }: KeyList,
  { nowMs, size }: { readonly nowMs: number; readonly size: number },
): AsyncGenerator<Work> {
  const missing = new Map(keys.map((key, i) => [key, reads[i] ?? 0]));
  let index = 0;
  for await (const { block, savedAtMs } of valuesIn(path, source)) {
    const ageMs = Math.max(0, nowMs - savedAtMs);
    const wanted = block.values.filter(({ key }) => missing.has(key));
    const values = wanted
      .filter(({ freshMs }) => freshMs > ageMs)
      .map((value) => ({ ...value, freshMs: value.freshMs - ageMs }));
    yield {
      index,
      keys: wanted.map(({ key }) => key),
      reads: wanted.map(({ key }) => missing.get(key)!),
      copies: { asOf: block.asOf, values },
    };
    for (const { key } of wanted) missing.delete(key);
    index += 1;
  }
  const rest = { keys: [...missing.keys()], reads: [...missing.values()] };
  for (const work of workOf(rest, size)) yield { ...work, index: index + work.index };
}
