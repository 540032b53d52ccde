import {
  type CopiedValue,
  type Fill,
  fillAll,
  fillOfCopy,
  type FillVerdict,
  type SourceOfTruth,
  type Store,
  type StoreMeta,
  watchAll,
} from '@tidemark/core';
import type { CopiedBlock } from './copied-block.ts';
import { proveBySource } from './prove-by-source.ts';
import { readCopies } from './read-copies.ts';
import { byPart, partsOf } from './store-parts.ts';

/** State of each part of a store; read it before the values that are filled into it. */
export type StoreMetas = readonly (StoreMeta | null)[];

export async function readMetas(store: Store): Promise<StoreMetas> {
  return Promise.all(partsOf(store).map(async (part) => (await part.read([])).meta));
}

/** What became of a value; `unproven`: nobody could say any more whether it is right. */
export interface FilledCopy {
  readonly value: CopiedValue;
  readonly verdict: FillVerdict | 'unproven';
}

/**
 * Fills copied values into a store, by the rules for any fill. Two kinds need the source's word on their version, and
 * are `unproven` without it: what was right before the store may have forgotten what came since (`base`), and what
 * would replace a value of the same version that nobody may be served any more, and that may be the newer one.
 *
 * @param metas of the store, from before the values were read
 */
export async function fillCopies(
  store: Store,
  metas: StoreMetas,
  blocks: readonly CopiedBlock[],
  source: Pick<SourceOfTruth, 'labels'> | null,
): Promise<FilledCopy[]> {
  const first = (
    await Promise.all(blocks.map((block) => fillBlock(store, metas, block, NOTHING_SEEN)))
  ).flat();
  const seen = await spoiledValues(
    store,
    first.filter(({ verdict }) => verdict === 'refilled').map(({ value }) => value.key),
  );
  const isOpen = ({ value, verdict }: FilledCopy): boolean => verdict === 'base' || seen.has(value.key);
  const open = first.filter(isOpen).map(({ value }) => value);
  if (open.length === 0) return first;
  const again = new Map<string, FilledCopy['verdict']>();
  if (source) {
    const metasNow = await readMetas(store);
    const proven = await proveBySource(source, open);
    for (const { value, verdict } of await fillBlock(store, metasNow, proven, seen))
      again.set(value.key, verdict);
  }
  return first.map((each) => {
    if (!isOpen(each)) return each;
    const otherwise = !source && each.verdict === 'base' ? 'base' : 'unproven';
    return { value: each.value, verdict: again.get(each.value.key) ?? otherwise };
  });
}

const NOTHING_SEEN: ReadonlyMap<string, number> = new Map();

/** Of these keys, those whose value no reader may be served, and when it was filled. */
async function spoiledValues(store: Store, keys: readonly string[]): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const { without } = keys.length === 0 ? { without: [] } : await readCopies(store, keys);
  await Promise.all(
    [...byPart(store, without, (key) => key)].map(async ([i, part]) => {
      const { records } = await partsOf(store)[i]!.read(part);
      part.forEach((key, at) => {
        const value = records[at]?.value;
        if (value) seen.set(key, value.filledAtMs);
      });
    }),
  );
  return seen;
}

async function fillBlock(
  store: Store,
  metas: StoreMetas,
  { asOf, values }: CopiedBlock,
  seen: ReadonlyMap<string, number>,
): Promise<FilledCopy[]> {
  const parts = [...byPart(store, values, ({ key }) => key)];
  const filled = parts.map(async ([i, part]): Promise<FilledCopy[]> => {
    const meta = metas[i];
    if (!meta) return part.map((value) => ({ value, verdict: 'uninitialised' }));
    const refused: FilledCopy[] = [];
    const fills: Fill[] = [];
    const going: CopiedValue[] = [];
    for (const value of part) {
      const lifeMs = value.freshMs + value.staleMs;
      const watched =
        value.dependencies.length === 0 ? [] : await watchAll(store, value.dependencies, asOf, lifeMs);
      if (typeof watched === 'string') {
        refused.push({ value, verdict: watched });
        continue;
      }
      going.push(value);
      fills.push({ ...fillOfCopy(value, asOf, meta, watched), replaces: seen.get(value.key) ?? null });
    }
    const verdicts = await fillAll(partsOf(store)[i]!, fills);
    return [...refused, ...going.map((value, at) => ({ value, verdict: verdicts[at]! }))];
  });
  return (await Promise.all(filled)).flat();
}
