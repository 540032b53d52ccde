import { isKey, keyspaceOf, type KeyReads, partitionOf } from '@tidemark/core';
import { WarmupError } from './warmup-error.ts';

/** Keys of one warm-up, most read first, in the order in which they are filled. */
export interface KeyList {
  readonly keys: readonly string[];
  /** Reads of the first ones, as far as they are known; the others were read less, or nobody knows. */
  readonly reads: readonly number[];
}

export interface KeyListOptions {
  /** Keys that are known to be read, most read first. */
  readonly hot?: readonly KeyReads[];
  /** All that may be warmed, besides. */
  readonly others?: AsyncIterable<readonly string[]> | Iterable<readonly string[]>;
  /** Keyspaces; left out: all. */
  readonly keyspaces?: readonly string[];
  /** `*` stands for any text; left out: all keys. */
  readonly match?: string;
  /** The first so many. */
  readonly top?: number;
  /** This worker's part of the work: `index` of `count`, from 0. Workers that run at once share the list by it. */
  readonly shard?: { readonly index: number; readonly count: number };
}

/** Keys of one list: about 1 GB. */
export const LIST_MAX = 10_000_000;

/**
 * Lists what a warm-up has to do. Every key is there once.
 *
 * @throws WarmupError for more keys than a list can have
 */
export async function keyList(options: KeyListOptions): Promise<KeyList> {
  const { hot = [], others = [], keyspaces, match, top = Number.POSITIVE_INFINITY, shard } = options;
  const wanted = keyspaces && new Set(keyspaces);
  const pattern = match === undefined ? null : globOf(match);
  const takes = (key: string): boolean =>
    isKey(key) &&
    (!wanted || wanted.has(keyspaceOf(key))) &&
    (!pattern || pattern.test(key)) &&
    (!shard || partitionOf(key, shard.count) === shard.index);
  const keys = new Set<string>();
  const reads: number[] = [];
  for (const each of hot) {
    if (keys.size >= top) break;
    if (keys.has(each.key) || !takes(each.key)) continue;
    keys.add(each.key);
    reads.push(each.reads);
  }
  for await (const page of keys.size < top ? others : []) {
    for (const key of page) if (keys.size < top && takes(key)) keys.add(key);
    if (keys.size > LIST_MAX) {
      throw new WarmupError(
        `more than ${LIST_MAX} keys: narrow them with keyspaces, a pattern or a top, or share them among workers`,
      );
    }
    if (keys.size >= top) break;
  }
  return { keys: [...keys], reads };
}

function globOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
