import {
  compareVersions,
  type Fill,
  type FillVerdict,
  type Invalidation,
  isScopeKey,
  maxVersion,
  type StoreAnswer,
  type StoreBatchResult,
  type StoredRecord,
  type StoreMeta,
  type Version,
} from '@tidemark/core';
import type { Judge } from './judge.ts';

interface Lease {
  readonly token: string;
  readonly untilMs: number;
}

interface WatchedServer {
  readonly name: string;
  readonly region: string;
  readonly entriesMax: number;
  readonly clockMs: number;
}

/** With fewer entries than this, leases and records push each other out. */
const ROOMY_ENTRIES = 50;

/**
 * Watches one store server from inside: what it acknowledged, and what it shows after that. It shares no rule
 * with the engine: it remembers all, and compares.
 */
export class StoreOracle {
  readonly #judge: Judge;
  readonly #store: WatchedServer;
  /** Highest version of each key that the store was told of, or was filled with. */
  readonly #told = new Map<string, Version>();
  readonly #leases = new Map<string, Lease>();
  /** Rises when the store goes back to an earlier state: then what it was told before is no promise any more. */
  life = 1;
  #meta: StoreMeta | null = null;

  constructor(judge: Judge, store: WatchedServer) {
    this.#judge = judge;
    this.#store = store;
  }

  /** What is known here of a key: nothing older may be served from the store. */
  toldOf(key: string): Version | undefined {
    return this.#told.get(key);
  }

  told(invalidations: readonly Invalidation[]): void {
    for (const { key, version } of invalidations) {
      if (isScopeKey(key)) continue;
      this.#raise(key, version);
      this.#leases.delete(key);
    }
  }

  leased(key: string, token: string, ttlMs: number): void {
    const nowMs = this.#nowMs();
    const other = this.#leases.get(key);
    if (other && other.token !== token && other.untilMs > nowMs && this.#store.entriesMax >= ROOMY_ENTRIES) {
      this.#violated('I9', key, `granted a lease to ${token} while ${other.token} holds it`);
    }
    this.#leases.set(key, { token, untilMs: nowMs + ttlMs });
  }

  released(key: string, token: string): void {
    if (this.#leases.get(key)?.token === token) this.#leases.delete(key);
  }

  filled(fill: Fill, verdict: FillVerdict): void {
    this.#judge.coverage.note(`fill-${verdict}`);
    const { key, version, schema, data, lease } = fill;
    if (lease !== null) this.released(key, lease);
    if (verdict !== 'admitted' || !version) return;
    const told = this.#told.get(key);
    if (told && compareVersions(version, told) < 0) {
      this.#violated('I1', key, `admitted a fill of ${show(version)} after it was told of ${show(told)}`);
    }
    this.#judge.label(this.#store.region, { key, version, schema, data });
    // Other numbers bind nobody: a replica may not have them.
    if (this.#judge.minted(key, version)) this.#raise(key, version);
  }

  /** What the store shows to a reader; with a schema version when it asks for what may be beside another release's. */
  answered(keys: readonly string[], { meta, records }: StoreAnswer, schema?: number): void {
    if (meta) this.shows(meta);
    else this.#leases.clear();
    for (const [i, key] of keys.entries()) {
      const record = records[i] ?? null;
      this.#judge.coverage.note(
        record ? (record.value ? 'record-value' : 'record-tombstone') : 'record-absent',
      );
      if (record?.value && record.value.schema === schema) this.#judge.coverage.note('record-beside');
      const told = this.#told.get(key);
      if (!meta || !record?.value || !told || !isServable(meta, record)) continue;
      if (compareVersions(record.value.version, told) < 0) {
        this.#violated(
          'I2',
          key,
          `shows ${show(record.value.version)} as good after it was told of ${show(told)}`,
        );
      }
    }
  }

  applied({ outcome, meta }: StoreBatchResult): void {
    this.#judge.coverage.note(`batch-${outcome}`);
    if (meta) this.shows(meta);
  }

  shows(meta: StoreMeta): void {
    const before = this.#meta;
    this.#meta = meta;
    if (!before || before === meta || before.incarnation !== meta.incarnation) return;
    const went = (what: string, back: boolean): void => {
      if (back) this.#violated('I3', '*', `${what} of the store went back`);
    };
    went('the horizon', less(meta.horizon, before.horizon));
    went('the base', less(meta.base, before.base));
    went('the epoch', meta.epoch < before.epoch);
    went('the revision', meta.revision < before.revision);
    if (meta.horizon.era !== before.horizon.era) return;
    for (const [scope, n] of before.scopes) went(`scope ${scope}`, (meta.scopes.get(scope) ?? 0) < n);
  }

  epochRaised(): void {
    this.#judge.coverage.note('epoch-raised');
  }

  /** It lost everything: what it is told from now on counts. What it was told before still happened. */
  emptied(): void {
    this.#leases.clear();
    this.#meta = null;
  }

  /** It went back, and does not know it yet. */
  rolledBack(): void {
    this.emptied();
    this.life += 1;
    this.#told.clear();
  }

  #raise(key: string, version: Version): void {
    this.#told.set(key, maxVersion(this.#told.get(key) ?? version, version));
  }

  #nowMs(): number {
    return this.#judge.nowMs() + this.#store.clockMs;
  }

  #violated(invariant: string, key: string, what: string): void {
    const { region, name } = this.#store;
    this.#judge.violated({ invariant, key, region, process: name, what: `${name} ${what}` });
  }
}

function isServable({ horizon, epoch }: StoreMeta, { tidemark, value }: StoredRecord): boolean {
  return (
    value !== null &&
    compareVersions(value.version, tidemark) >= 0 &&
    value.epoch >= epoch &&
    value.version.era >= horizon.era
  );
}

function less(a: { era: number; xid: number }, b: { era: number; xid: number }): boolean {
  return a.era !== b.era ? a.era < b.era : a.xid < b.xid;
}

function show({ era, n }: Version): string {
  return `${era}.${n}`;
}
