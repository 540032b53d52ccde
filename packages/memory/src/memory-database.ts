import { ConfigurationError, isKey, isScopeKey, KeyError, keyspaceOf, TidemarkError } from '@tidemark/core';
import type { Invalidation, Leadership, Pin, Position } from '@tidemark/core';
import { MemoryGroups } from './memory-groups.ts';

/** A key's latest version, as the changelog keeps it. */
interface VersionRow {
  readonly n: number;
  readonly xid: number;
  /** Number of the commit that brought it; says what an earlier snapshot could see. */
  readonly commit: number;
  readonly deleted: boolean;
}

interface LogEntry {
  readonly key: string;
  readonly row: VersionRow;
}

/** A transaction that has not ended. */
export interface RunningTransaction {
  readonly life: number;
  /** 0 until it writes. */
  xid: number;
  readonly rows: Map<string, unknown>;
  readonly bumped: Map<string, number>;
  waitsFor: RunningTransaction | null;
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** What `MemoryDatabase.restore` goes back to. */
export interface MemoryCheckpoint {
  readonly rows: ReadonlyMap<string, unknown>;
  readonly versions: ReadonlyMap<string, VersionRow>;
  readonly log: readonly LogEntry[];
  readonly nextXid: number;
  readonly nextN: number;
  readonly groups: ReturnType<MemoryGroups['checkpoint']>;
  readonly collectedN: number;
  readonly pins: ReadonlyMap<string, Pin>;
}

/** Keys that a memory database keeps, deleted ones included. */
const KEYS_MAX = 1_000_000;
/** Superseded log entries that may pile up before they are dropped. */
const LOG_SLACK = 1_000;

/**
 * Rows, changelog and transaction ids, as several sources in one process share them.
 *
 * Transactions overlap as in a real database: a transaction gets its id at its first write, ids are
 * not in commit order, writers of one key wait for each other, and nothing is seen before its commit.
 */
export class MemoryDatabase {
  #rows = new Map<string, unknown>();
  #versions = new Map<string, VersionRow>();
  /** By xid; entries that were superseded are skipped. */
  #log: LogEntry[] = [];
  #locks = new Map<string, RunningTransaction>();
  #running = new Set<RunningTransaction>();
  #era = 1;
  #life = 1;
  #nextXid = 1;
  #nextN = 1;
  #commits = 0;
  readonly groups = new MemoryGroups();
  #collectedBelow = 0;
  #collectedN = 0;
  /** Contents that rollbacks gave keys; each key here has a version too, which bounds them. */
  pins = new Map<string, Pin>();
  readonly cursors = new Map<string, Position>();
  readonly leaders = new Map<string, Leadership>();

  get era(): number {
    return this.#era;
  }

  /** Number of commits so far. */
  get commits(): number {
    return this.#commits;
  }

  /** The position below which everything is final. */
  horizon(): Position {
    let xid = this.#nextXid;
    for (const transaction of this.#running) {
      if (transaction.xid !== 0) xid = Math.min(xid, transaction.xid);
    }
    return { era: this.#era, xid };
  }

  /** A key whose row was collected must not fall below the version that regions know. */
  version(key: string): number {
    return this.#versions.get(key)?.n ?? (isScopeKey(key) ? 0 : this.#collectedN);
  }

  /** Whether rows from `xid` on may have been collected. */
  isGone(xid: number): boolean {
    return xid < this.#collectedBelow;
  }

  /** Forgets the versions of up to `limit` deleted keys, as `tidemark.collect` does; returns how many. */
  collect(limit: number): number {
    const horizon = this.horizon().xid;
    let settledN = this.#nextN - 1;
    // What has been drawn and is not committed may still become a row: labels must stay below it.
    for (const { bumped } of this.#running) {
      for (const n of bumped.values()) settledN = Math.min(settledN, n - 1);
    }
    let removed = 0;
    for (const { key, row } of this.entries(0, horizon - 1)) {
      if (removed >= limit) break;
      if (!row.deleted || row.n > settledN) continue;
      this.#versions.delete(key);
      this.#collectedBelow = Math.max(this.#collectedBelow, row.xid + 1);
      removed += 1;
    }
    if (removed > 0) this.#collectedN = Math.max(this.#collectedN, settledN);
    return removed;
  }

  /** A copy of a committed row, or null. */
  read(key: string): unknown {
    return structuredClone(this.#rows.get(key) ?? null);
  }

  /** Entries with `fromXid <= xid <= toXid`, oldest transaction first. */
  *entries(fromXid: number, toXid = Infinity): Generator<LogEntry> {
    for (let index = this.#indexOf(fromXid); index < this.#log.length; index += 1) {
      const entry = this.#log[index]!;
      if (entry.row.xid > toXid) return;
      if (this.#versions.get(entry.key) === entry.row) yield entry;
    }
  }

  begin(): RunningTransaction {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const transaction = {
      life: this.#life,
      xid: 0,
      rows: new Map<string, unknown>(),
      bumped: new Map<string, number>(),
      waitsFor: null,
      ended,
      end,
    };
    this.#running.add(transaction);
    return transaction;
  }

  /** Waits until no other transaction holds the key, then draws its version. */
  async bump(transaction: RunningTransaction, key: string): Promise<void> {
    this.#assertLife(transaction);
    if (this.#versions.size >= KEYS_MAX && !this.#versions.has(key)) {
      throw new TidemarkError(
        'E_MEMORY_FULL',
        `the memory source keeps at most ${KEYS_MAX} keys; use @tidemark/postgres`,
      );
    }
    transaction.xid ||= this.#nextXid++;
    for (let holder = this.#locks.get(key); holder && holder !== transaction; holder = this.#locks.get(key)) {
      for (let other: RunningTransaction | null = holder; other; other = other.waitsFor) {
        if (other === transaction) {
          throw new TidemarkError(
            'E_DEADLOCK',
            `transactions wait for each other at ${key}; run this one again`,
          );
        }
      }
      transaction.waitsFor = holder;
      await holder.ended;
      transaction.waitsFor = null;
      this.#assertLife(transaction);
    }
    this.#locks.set(key, transaction);
    transaction.bumped.set(key, this.#nextN++);
  }

  async write(transaction: RunningTransaction, key: string, value: unknown): Promise<void> {
    if (!isKey(key))
      throw new KeyError(keyspaceOf(String(key)), `${JSON.stringify(key)} is not an encoded key`);
    if (isScopeKey(key))
      throw new ConfigurationError(`${key} is the key of a keyspace; rows need a key with parts`);
    const copy = structuredClone(value);
    await this.bump(transaction, key);
    transaction.rows.set(key, copy);
  }

  commit(transaction: RunningTransaction): Invalidation[] {
    this.#assertLife(transaction);
    this.#commits += 1;
    for (const [key, value] of transaction.rows) {
      if (value === null || value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value);
    }
    const invalidations: Invalidation[] = [];
    const entries: LogEntry[] = [];
    for (const [key, n] of transaction.bumped) {
      const deleted = transaction.rows.has(key) && !this.#rows.has(key);
      const row = { n, xid: transaction.xid, commit: this.#commits, deleted };
      this.#versions.set(key, row);
      entries.push({ key, row });
      invalidations.push({ key, version: { era: this.#era, n } });
    }
    this.#log.splice(this.#indexOf(transaction.xid + 1), 0, ...entries);
    if (this.#log.length > 2 * this.#versions.size + LOG_SLACK) this.#log = [...this.entries(0)];
    this.#release(transaction);
    return invalidations;
  }

  rollback(transaction: RunningTransaction): void {
    this.#release(transaction);
  }

  checkpoint(): MemoryCheckpoint {
    return {
      rows: new Map(this.#rows),
      versions: new Map(this.#versions),
      log: this.#log.slice(),
      nextXid: this.#nextXid,
      nextN: this.#nextN,
      groups: this.groups.checkpoint(),
      collectedN: this.#collectedN,
      pins: new Map(this.pins),
    };
  }

  /** Goes back in time, as a restore from a backup does; running transactions fail. The era rises. */
  restore(checkpoint: MemoryCheckpoint): void {
    this.#rows = new Map(checkpoint.rows);
    this.#versions = new Map(checkpoint.versions);
    this.#log = checkpoint.log.slice();
    this.#nextXid = checkpoint.nextXid;
    this.#nextN = checkpoint.nextN;
    this.groups.restore(checkpoint.groups);
    this.#collectedN = checkpoint.collectedN;
    this.pins = new Map(checkpoint.pins);
    this.#life += 1;
    for (const transaction of this.#running) this.#release(transaction);
    this.raiseEra(0);
  }

  raiseEra(atLeast: number): void {
    this.#era = Math.max(this.#era + 1, atLeast);
    this.#collectedBelow = 0; // Nobody is told anything of an older era.
  }

  /** True for a position that this database never had. */
  isAhead(position: Position): boolean {
    return position.era > this.#era || (position.era === this.#era && position.xid > this.#nextXid);
  }

  #release(transaction: RunningTransaction): void {
    this.#running.delete(transaction);
    for (const key of transaction.bumped.keys()) {
      if (this.#locks.get(key) === transaction) this.#locks.delete(key);
    }
    transaction.end();
  }

  #assertLife(transaction: RunningTransaction): void {
    if (transaction.life !== this.#life) {
      throw new TidemarkError(
        'E_TRANSACTION_LOST',
        'the database was restored while this transaction ran; run it again',
      );
    }
  }

  /** Index of the first entry with at least this xid. */
  #indexOf(xid: number): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#log[middle]!.row.xid < xid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
