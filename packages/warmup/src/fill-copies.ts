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
 * Fills copied values into a store, by the rules for any fill. What was right before the store may have forgotten
 * what came since (`base`) needs the source's word on its version; without a source it is refused.
 *
 * @param metas of the store, from before the values were read
 */
export async function fillCopies(
  store: Store,
  metas: StoreMetas,
  blocks: readonly CopiedBlock[],
  source: Pick<SourceOfTruth, 'labels'> | null,
): Promise<FilledCopy[]> {
  const first = (await Promise.all(blocks.map((block) => fillBlock(store, metas, block)))).flat();
  if (!source) return first;
  const old = first.filter(({ verdict }) => verdict === 'base');
  if (old.length === 0) return first;
  const metasNow = await readMetas(store);
  const proven = await proveBySource(
    source,
    old.map(({ value }) => value),
  );
  const again = new Map(
    (await fillBlock(store, metasNow, proven)).map((each) => [each.value.key, each.verdict] as const),
  );
  return first.map(({ value, verdict }) => ({
    value,
    verdict: verdict === 'base' ? (again.get(value.key) ?? 'unproven') : verdict,
  }));
}

async function fillBlock(
  store: Store,
  metas: StoreMetas,
  { asOf, values }: CopiedBlock,
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
      fills.push(fillOfCopy(value, asOf, meta, watched));
    }
    const verdicts = await fillAll(partsOf(store)[i]!, fills);
    return [...refused, ...going.map((value, at) => ({ value, verdict: verdicts[at]! }))];
  });
  return (await Promise.all(filled)).flat();
}
