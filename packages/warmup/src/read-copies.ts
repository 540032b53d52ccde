import {
  comparePositions,
  type CopiedValue,
  copyValue,
  type Position,
  type Store,
  type StoreAnswer,
  type StoreView,
} from '@tidemark/core';
import type { CopiedBlock } from './copied-block.ts';
import { byPart, partsOf } from './store-parts.ts';

/** What a store has of the keys that were asked for. */
export interface Copies {
  readonly blocks: readonly CopiedBlock[];
  /** Keys of which it has no fresh value. */
  readonly without: readonly string[];
}

/** Copies of what a store may serve of these keys, with one command for each of its parts. */
export async function readCopies(store: Store, keys: readonly string[]): Promise<Copies> {
  const parts = [...byPart(store, keys, (key) => key)];
  const copies = await Promise.all(parts.map(([i, part]) => copiesOf(store, partsOf(store)[i]!, part)));
  return {
    blocks: copies.flatMap(({ blocks }) => blocks),
    without: copies.flatMap(({ without }) => without),
  };
}

async function copiesOf(store: Store, part: Store, keys: readonly string[]): Promise<Copies> {
  const answer = await part.read(keys);
  const { meta, records, nowMs } = answer;
  if (!meta) return { blocks: [], without: keys };
  const watched = await viewsOf(
    store,
    records.flatMap((record) => record?.value?.dependencies.map(({ key }) => key) ?? []),
  );
  const values: CopiedValue[] = [];
  const blocks: CopiedBlock[] = [];
  const without: string[] = [];
  for (const [i, record] of records.entries()) {
    const key = keys[i]!;
    const views = (record?.value?.dependencies ?? []).map((each) => watched.get(each.key)!);
    const copy = copyValue(key, { meta, record, nowMs }, views);
    if (typeof copy === 'string') without.push(key);
    else if (views.length === 0) values.push(copy);
    else blocks.push({ asOf: least(meta.horizon, views), values: [copy] });
  }
  if (values.length > 0) blocks.push({ asOf: meta.horizon, values });
  return { blocks, without };
}

/** How the store sees these keys now; each as the part that watches it does. */
async function viewsOf(store: Store, keys: readonly string[]): Promise<Map<string, StoreView>> {
  const views = new Map<string, StoreView>();
  if (keys.length === 0) return views;
  await Promise.all(
    [...byPart(store, [...new Set(keys)], (key) => key)].map(async ([i, part]) => {
      const { meta, records, nowMs }: StoreAnswer = await partsOf(store)[i]!.read(part);
      part.forEach((key, at) => views.set(key, { meta, record: records[at]!, nowMs }));
    }),
  );
  return views;
}

/** A value is right only as of the horizon of the part that is furthest behind. */
function least(horizon: Position, views: readonly StoreView[]): Position {
  return views.reduce(
    (a, { meta }) => (meta && comparePositions(meta.horizon, a) < 0 ? meta.horizon : a),
    horizon,
  );
}
