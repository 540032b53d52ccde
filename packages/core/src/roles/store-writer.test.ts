import { describe, expect, it } from 'vitest';
import type { Store, StoreBatch } from '../ports/store.ts';
import { systemRuntime } from '../runtime/system-runtime.ts';
import { StoreWriter } from './store-writer.ts';

/** A writer, and the batches that it writes. */
function recording(): { readonly writer: StoreWriter; readonly batches: readonly StoreBatch[] } {
  const batches: StoreBatch[] = [];
  const apply: Store['apply'] = async (batch) => {
    batches.push(batch);
    return { outcome: 'applied', meta: null };
  };
  return { writer: new StoreWriter({ apply } as Store, systemRuntime), batches };
}

describe('StoreWriter', () => {
  it('chains its batches: each expects the mark before, and all have one lineage', async () => {
    const { writer, batches } = recording();
    for (let i = 0; i < 3; i += 1) await writer.write([]);
    expect(batches.map(({ expect: expected }) => expected)).toEqual([
      null,
      batches[0]!.mark,
      batches[1]!.mark,
    ]);
    expect(new Set(batches.map(({ mark }) => mark)).size).toBe(3);
    expect(new Set(batches.map(({ lineage }) => lineage)).size).toBe(1);
  });

  // The store may be another server by then: the half of a split that went on from an older copy.
  it('begins a lineage of its own with every chain', async () => {
    const { writer, batches } = recording();
    for (let i = 0; i < 3; i += 1) {
      await writer.write([]);
      writer.breakChain();
    }
    expect(batches.map(({ expect: expected }) => expected)).toEqual([null, null, null]);
    expect(new Set(batches.map(({ lineage }) => lineage)).size).toBe(3);
  });
});
