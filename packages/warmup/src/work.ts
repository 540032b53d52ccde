import type { CopiedBlock } from './copied-block.ts';
import type { KeyList } from './key-list.ts';

/** A batch of keys, filled together. */
export interface Work {
  /** From 0, the same in every run of one list. */
  readonly index: number;
  readonly keys: readonly string[];
  /** Of the keys, in their order, as far as they are known. */
  readonly reads: readonly number[];
  /** Values of some of the keys that are at hand already; for the others the origins are asked. */
  readonly copies?: CopiedBlock;
}

/** Batches of a list, in its order. */
export function* workOf({ keys, reads }: KeyList, size: number): Generator<Work> {
  for (let at = 0, index = 0; at < keys.length; at += size, index += 1) {
    yield { index, keys: keys.slice(at, at + size), reads: reads.slice(at, at + size) };
  }
}
