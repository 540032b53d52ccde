import {
  type CopiedBlock,
  type KeyList,
  openSnapshot,
  SnapshotError,
  type Work,
  workOfCopies,
} from '@tidemark/warmup';

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
export async function* keysIn(path: string, source: string): AsyncGenerator<readonly string[]> {
  for await (const { block } of valuesIn(path, source)) yield block.values.map(({ key }) => key);
}

/** Its values of the keys on a list, with what is left of their TTLs by the wall clocks of both machines. */
export function workIn(path: string, source: string, { keys }: KeyList, nowMs: number): AsyncIterable<Work> {
  const wanted = new Set(keys);
  const blocks = async function* (): AsyncGenerator<CopiedBlock> {
    for await (const { block, savedAtMs } of valuesIn(path, source)) {
      const ageMs = Math.max(0, nowMs - savedAtMs);
      const values = block.values.filter(({ key, freshMs }) => wanted.has(key) && freshMs > ageMs);
      yield {
        asOf: block.asOf,
        values: values.map((value) => ({ ...value, freshMs: value.freshMs - ageMs })),
      };
    }
  };
  return workOfCopies(blocks());
}
