import {
  comparePositions,
  ConfigurationError,
  formatPosition,
  HistoryGoneError,
  isKey,
  isOrdinal,
  KeyError,
  keyspaceOf,
  SourceUnavailableError,
  systemRuntime,
  TidemarkError,
} from '@tidemark/core';
import type {
  Bump,
  ChangePage,
  Committed,
  Leadership,
  Position,
  Runtime,
  SourceOfTruth,
} from '@tidemark/core';
import { memoryGroups } from './memory-groups.ts';
import { memoryPins } from './memory-pins.ts';
import { MemoryDatabase, type RunningTransaction } from './memory-database.ts';

/** What loaders read with. Values are copies. */
export interface MemoryDb {
  /** The committed row under an encoded key, or null. */
  get<T = unknown>(key: string): Promise<T | null>;
}

/** What writers write with: each change bumps its key. Reads see the transaction's own writes. */
export interface MemoryTx extends MemoryDb {
  /** Waits while another transaction has changed the key and not ended. */
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface MemorySourceOptions {
  /** For `atMs` of pages. Default: the system's. */
  readonly runtime?: Pick<Runtime, 'wallMs'>;
  /** Shared by several sources, as several processes share a server. Default: a new one. */
  readonly database?: MemoryDatabase;
}

/** Keys that one transaction may bump. */
const TRANSACTION_BUMPS_MAX = 10_000;

/** A place between two pages, and what the page before it could see. */
interface PagePosition extends Position {
  readonly seen?: { readonly commits: number; readonly horizonXid: number };
}

/** The source of truth in this process: embedded default, and reference for the others. */
export function memorySource(options: MemorySourceOptions = {}): SourceOfTruth<MemoryDb, MemoryTx> {
  const { runtime = systemRuntime, database = new MemoryDatabase() } = options;
  const leaderships = new Set<Leadership>();
  let closed = false;

  async function open<T>(task: () => T | Promise<T>): Promise<T> {
    if (closed) throw new SourceUnavailableError('this memory source is closed; make a new one');
    return task();
  }

  function changes(
    since: Position | null,
    { limit, after }: { readonly limit: number; readonly after?: PagePosition },
  ): ChangePage {
    if (!isOrdinal(limit) || limit < 1)
      throw new ConfigurationError(`limit must be a positive integer, got ${limit}`);
    if (since && database.isAhead(since)) database.raiseEra(since.era + 1);
    const { era } = database;
    const horizon = database.horizon();
    const firstXid = since?.era === era ? since.xid : horizon.xid;
    const resumed = after?.era === era ? after : null;
    const asked = since === null && resumed ? Math.min(resumed.xid, resumed.seen?.horizonXid ?? 0) : firstXid;
    if (database.isGone(asked)) {
      throw new HistoryGoneError(
        `deletes since ${formatPosition({ era, xid: asked })} were collected; regions that were away for so long start over`,
      );
    }
    const page: ChangePage['changes'][number][] = [];
    const add = (key: string, n: number): number => page.push({ key, version: { era, n } });
    if (resumed) {
      // Since the page before, a transaction with a small id may have taken a row to a place already passed.
      const { commits, horizonXid } = resumed.seen ?? { commits: 0, horizonXid: firstXid };
      for (const { key, row } of database.entries(horizonXid, resumed.xid)) {
        if (row.commit > commits) add(key, row.n);
      }
    }
    let count = 0;
    let lastXid = 0;
    for (const { key, row } of database.entries(resumed ? resumed.xid + 1 : firstXid)) {
      // A page never splits a transaction.
      if (count >= limit && row.xid !== lastXid) break;
      add(key, row.n);
      count += 1;
      lastXid = row.xid;
    }
    const next: PagePosition = {
      era,
      xid: lastXid,
      seen: { commits: database.commits, horizonXid: horizon.xid },
    };
    return { changes: page, horizon, atMs: runtime.wallMs(), ...(count >= limit && { next }) };
  }

  async function transaction<T>(work: (tx: MemoryTx, bump: Bump) => Promise<T>): Promise<Committed<T>> {
    const running = database.begin();
    const keys = new Set<string>();
    const scope = { ended: false };
    try {
      const value = await work(memoryTx(database, running, scope), (key) => {
        assertOpen(scope);
        if (!isKey(key))
          throw new KeyError(keyspaceOf(String(key)), `${JSON.stringify(key)} is not an encoded key`);
        keys.add(key);
        if (keys.size > TRANSACTION_BUMPS_MAX) {
          throw new TidemarkError(
            'E_TOO_MANY_BUMPS',
            `one transaction bumped more than ${TRANSACTION_BUMPS_MAX} keys; bump the keyspace's scope key instead`,
          );
        }
      });
      scope.ended = true;
      // Sorted, so that transactions that only bump never wait for each other in a circle.
      for (const key of [...keys].sort()) await database.bump(running, key);
      return { value, invalidations: database.commit(running) };
    } catch (error) {
      scope.ended = true;
      database.rollback(running);
      throw error;
    }
  }

  function lead(role: string): Leadership | null {
    if (database.leaders.has(role)) return null;
    const lost = new AbortController();
    const leadership: Leadership = {
      lost: lost.signal,
      async resign() {
        lost.abort();
        leaderships.delete(leadership);
        if (database.leaders.get(role) === leadership) database.leaders.delete(role);
      },
    };
    database.leaders.set(role, leadership);
    leaderships.add(leadership);
    return leadership;
  }

  return {
    groups: memoryGroups(database, open, () => runtime.wallMs()),
    pins: memoryPins(database, open),
    db: { get: <T>(key: string) => open(() => database.read(key) as T | null) },
    labels: (keys) =>
      open(() => ({
        asOf: database.horizon(),
        versions: keys.map((key) => ({ era: database.era, n: database.version(key) })),
        scopes: keys.map((key) => database.version(keyspaceOf(key))),
      })),
    changes: (since, page) => open(() => changes(since, page)),
    transaction: (work) => open(() => transaction(work)),
    lead: (role) => open(() => lead(role)),
    loadCursor: (name) => open(() => database.cursors.get(name) ?? null),
    saveCursor: (name, position) =>
      open(() => {
        const known = database.cursors.get(name);
        if (!known || comparePositions(position, known) > 0) database.cursors.set(name, position);
      }),
    async close() {
      closed = true;
      await Promise.all([...leaderships].map((leadership) => leadership.resign()));
    },
  };
}

function memoryTx(
  database: MemoryDatabase,
  running: RunningTransaction,
  scope: { ended: boolean },
): MemoryTx {
  return {
    async get<T>(key: string) {
      assertOpen(scope);
      return (
        running.rows.has(key) ? structuredClone(running.rows.get(key)) : database.read(key)
      ) as T | null;
    },
    async set(key, value) {
      assertOpen(scope);
      await database.write(running, key, value);
    },
    async delete(key) {
      assertOpen(scope);
      await database.write(running, key, null);
    },
  };
}

function assertOpen(scope: { readonly ended: boolean }): void {
  if (scope.ended)
    throw new ConfigurationError('this transaction has ended; await all its statements inside the work');
}
