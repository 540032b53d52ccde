import { group, keyspace, type Keyspace, type LoadContext, type OnWrite } from '@tidemark/core';
import type { MemoryDb } from '@tidemark/memory';
import type { Value } from '@tidemark/checkers';
import type { Row } from '../servers/commit-log.ts';

/** Row that every value is made with; it stands under `*` in histories. */
export const SETTINGS_ROW = 'settings:1';

export interface RowKnobs {
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly negativeTtlMs: number;
  readonly onWrite: OnWrite;
  readonly copyOnWrite: OnWrite;
}

type ById = { readonly id: 'int' };

/** A value as one release of the service makes it: it says which. */
export interface Released extends Value {
  readonly release: number;
}

export type RowKeyspace = Keyspace<ById, Released, MemoryDb>;

export interface Keyspaces {
  /** One value for each row. */
  readonly row: RowKeyspace;
  /** The same values under keys of their own, which depend on the row's. */
  readonly copy: RowKeyspace;
}

/** A member of the group: it says which publication it belongs to. */
export interface Price {
  readonly list: string;
}

/** Members that become visible together. */
export const PRICES = group<ById, Price>({ name: 'price', params: { id: 'int' } });
export const PRICE_IDS = [{ id: 0 }, { id: 1 }, { id: 2 }] as const;

/**
 * What a release of the simulated service caches. `pause` is a loader that takes its time between reading and returning.
 */
export function keyspaces(knobs: RowKnobs, release: number, pause: () => Promise<void>): Keyspaces {
  const { ttlMs, staleMs, negativeTtlMs } = knobs;
  const common = {
    params: { id: 'int' },
    schemaVersion: release,
    ttl: ttlMs,
    staleWhileRevalidate: staleMs,
    negativeTtl: negativeTtlMs,
  } as const;
  const load = async ({ id }: { id: number }, { db }: LoadContext<MemoryDb>): Promise<Released | null> => {
    const [row, settings] = await Promise.all([db.get<Row>(`row:${id}`), db.get<Row>(SETTINGS_ROW)]);
    await pause();
    return row && { counter: row.counter, write: row.write, settings: settings?.counter ?? 0, release };
  };
  return {
    row: keyspace({ name: 'row', ...common, onWrite: knobs.onWrite, load }),
    copy: keyspace({
      name: 'copy',
      ...common,
      onWrite: knobs.copyOnWrite,
      dependsOn: ({ id }) => [`row:${id}`],
      load,
    }),
  };
}

/** What a row's commits change: they stand under these keys in histories. */
export function cachedKeysOf(row: string): readonly string[] {
  return row === SETTINGS_ROW ? ['*'] : [row, row.replace('row:', 'copy:')];
}

/** The row behind a cached key. */
export function rowKeyOf(key: string): string {
  return key.replace('copy:', 'row:');
}

export function valueOf(data: Uint8Array | null): Released | null {
  return data && (JSON.parse(Buffer.from(data).toString()) as Released | null);
}
