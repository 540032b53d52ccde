import type { Fill, Position, Store, StoreMeta, Version } from '@tidemark/core';

/** A new, empty store for one test. */
export interface StoreHarness {
  readonly store: Store;
  /** The same store as another process has it; left out where there is none. */
  readonly another?: Store;
  /** Loses all data, as a server without persistence does when it restarts. */
  clear(): Promise<void>;
  /** A plain cache without versions on the same server: what the suite shows to fail. */
  readonly naive: {
    get(key: string): Promise<string | null>;
    set(key: string, value: string): Promise<void>;
    del(key: string): Promise<void>;
  };
  /** Lets time pass on the store's own clock; left out when nobody can move that clock. */
  readonly tick?: (ms: number) => void;
  close(): Promise<void>;
}

export interface StoreHarnessOptions {
  readonly tombstoneTtlMs?: number;
}

export type OpenStore = (options?: StoreHarnessOptions) => Promise<StoreHarness>;

export const KEY = 'city:1';
export const OTHER = 'city:other';
export const START: Position = { era: 1, xid: 100 };

export function version(n: number, era = 1): Version {
  return { era, n };
}

export function position(xid: number, era = 1): Position {
  return { era, xid };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array | null | undefined): string | null {
  return data ? new TextDecoder().decode(data) : null;
}

/** A fill as a node makes it: labels as loaded, the rest as the store showed it at the miss. */
export function fillOf(meta: StoreMeta, changes: Partial<Fill> = {}): Fill {
  return {
    key: KEY,
    version: version(1),
    scope: 0,
    asOf: meta.horizon,
    incarnation: meta.incarnation,
    epoch: meta.epoch,
    revision: meta.revision,
    schema: 1,
    freshMs: 60_000,
    staleMs: 0,
    data: bytes('value'),
    dependencies: [],
    replaces: 'any',
    lease: null,
    ...changes,
  };
}
