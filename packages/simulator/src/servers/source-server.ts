import type { Committed, Position, SourceLabels, SourceOfTruth } from '@tidemark/core';
import { keyspaceOf } from '@tidemark/core';
import {
  type MemoryCheckpoint,
  MemoryDatabase,
  type MemoryDb,
  memorySource,
  type MemoryTx,
} from '@tidemark/memory';
import type { EventLoop } from '../kernel/event-loop.ts';
import type { Life } from '../kernel/life.ts';
import type { Server } from '../kernel/network.ts';
import { CommitLog, type Row } from './commit-log.ts';

/** What the source was at one instant, as a replica shows it later. */
interface Frame {
  readonly atMs: number;
  readonly checkpoint: MemoryCheckpoint;
  readonly horizon: Position;
}

interface Backup {
  readonly checkpoint: MemoryCheckpoint;
  readonly cursors: ReadonlyMap<string, Position>;
  readonly counters: ReadonlyMap<string, number>;
}

/** One statement of a transaction. */
type Statement<T> = (tx: MemoryTx, bump: (key: string) => void) => Promise<T>;

const IDLE_IN_TRANSACTION_MS = 3_000;
const FRAMES_MAX = 2_000;

/** A transaction as the server keeps it: statements come one by one, then the commit. */
export class ServerTransaction {
  readonly #next: ((statement: Statement<unknown> | 'commit' | null) => void)[] = [];
  readonly #waiting: (Statement<unknown> | 'commit' | null)[] = [];
  readonly done: Promise<Committed<void>>;
  #idle = 0;

  constructor(source: SourceOfTruth<MemoryDb, MemoryTx>, loop: EventLoop) {
    this.done = source.transaction(async (tx, bump) => {
      for (;;) {
        const statement = await this.#take();
        if (statement === 'commit') return;
        if (statement === null) throw new Error('the transaction was rolled back');
        await statement(tx, bump);
      }
    });
    this.done.catch(() => {});
    const watch = (): void => {
      const seen = this.#idle;
      loop.after(IDLE_IN_TRANSACTION_MS, () => {
        if (this.#idle === seen) this.abort();
        else watch();
      });
    };
    watch();
  }

  async run<T>(statement: Statement<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#give(async (tx, bump) => {
        try {
          resolve(await statement(tx, bump));
        } catch (error) {
          reject(error);
          throw error;
        }
      });
      this.done.then(() => reject(new Error('the transaction has ended')), reject);
    });
  }

  commit(): Promise<Committed<void>> {
    this.#give('commit');
    return this.done;
  }

  abort(): void {
    this.#give(null);
  }

  #give(statement: Statement<unknown> | 'commit' | null): void {
    this.#idle += 1;
    const next = this.#next.shift();
    if (next) next(statement);
    else this.#waiting.push(statement);
  }

  async #take(): Promise<Statement<unknown> | 'commit' | null> {
    if (this.#waiting.length > 0) return this.#waiting.shift()!;
    return new Promise((resolve) => this.#next.push(resolve));
  }
}

/** The source of truth: the embedded one, which mints versions as Postgres does, and what faults do to it. */
export class SourceServer implements Server {
  readonly name = 'source';
  readonly region: string;
  state: Server['state'] = 'up';
  readonly database = new MemoryDatabase();
  readonly source: SourceOfTruth<MemoryDb, MemoryTx>;
  readonly log = new CommitLog();
  readonly frames: Frame[] = [];
  readonly #loop: EventLoop;
  readonly #open = new Set<ServerTransaction>();
  readonly #leaders = new Map<
    string,
    { readonly token: string; readonly life: Life; readonly lose: () => void }
  >();
  #backup: Backup | null = null;
  /** Told of a restore, after it. */
  onRestored: (kept: ReadonlyMap<string, number>) => void = () => {};

  constructor(loop: EventLoop, region: string) {
    this.#loop = loop;
    this.region = region;
    this.source = memorySource({ database: this.database, runtime: { wallMs: () => loop.nowMs } });
    this.#capture();
  }

  /** Whether transactions are open. */
  get isBusy(): boolean {
    return this.#open.size > 0;
  }

  begin(): ServerTransaction {
    const transaction = new ServerTransaction(this.source, this.#loop);
    this.#open.add(transaction);
    void transaction.done.catch(() => {}).finally(() => this.#open.delete(transaction));
    return transaction;
  }

  /** Writes a row; its counter is one more than that of the key's commit before, whose row is locked here. */
  async put(tx: MemoryTx, key: string, write: string): Promise<void> {
    await tx.set(key, { counter: 0, write });
    const row: Row = { counter: this.log.nextCounter(key), write };
    await tx.set(key, row);
  }

  /** Notes what a transaction committed. To be called at the instant of its commit. */
  noteCommit(
    { invalidations }: Committed<unknown>,
    writes: ReadonlyMap<string, { write: string; absent: boolean }>,
  ): void {
    for (const { key, version } of invalidations) {
      const write = writes.get(key);
      if (!write) continue;
      this.log.add({
        key,
        counter: this.log.nextCounter(key),
        ...write,
        era: version.era,
        n: version.n,
        atMs: this.#loop.nowMs,
      });
    }
    this.#capture();
  }

  /** Takes leadership for a process; null when another has it. */
  lead(role: string, life: Life, token: string, lose: () => void): boolean {
    if (this.#leaders.has(role)) return false;
    this.#leaders.set(role, { token, life, lose });
    return true;
  }

  /** Gives leadership up, when it is still that holder's. */
  unlead(role: string, token: string): void {
    if (this.#leaders.get(role)?.token === token) this.#leaders.delete(role);
  }

  /** Breaks the connections that hold leadership: others may lead at once, their holders hear of it later. */
  dropLeaders(): number {
    const dropped = [...this.#leaders.values()];
    this.#leaders.clear();
    for (const { lose } of dropped) lose();
    return dropped.length;
  }

  /** Ends every open transaction. */
  abortAll(): number {
    const open = this.#open.size;
    for (const transaction of this.#open) transaction.abort();
    return open;
  }

  save(): void {
    this.#backup = {
      checkpoint: this.database.checkpoint(),
      cursors: new Map(this.database.cursors),
      counters: this.log.counters(),
    };
  }

  /** Goes back to what was saved last, in a new era. Returns false when nothing was saved. */
  restore(): boolean {
    if (!this.#backup) return false;
    const { checkpoint, cursors, counters } = this.#backup;
    this.database.restore(checkpoint);
    this.database.cursors.clear();
    for (const [name, position] of cursors) this.database.cursors.set(name, position);
    this.log.goBack(counters);
    this.dropLeaders();
    this.#capture();
    this.onRestored(counters);
    return true;
  }

  #capture(): void {
    this.frames.push({
      atMs: this.#loop.nowMs,
      checkpoint: this.database.checkpoint(),
      horizon: this.database.horizon(),
    });
    if (this.frames.length > FRAMES_MAX) this.frames.shift();
  }
}

/** A replica: shows what the source was a while ago, and never goes back. */
export class ReplicaServer implements Server {
  readonly name: string;
  readonly region: string;
  state: Server['state'] = 'up';
  lagMs: number;
  readonly #loop: EventLoop;
  readonly #primary: SourceServer;
  #shown = 0;

  constructor(
    loop: EventLoop,
    primary: SourceServer,
    where: { name: string; region: string; lagMs: number },
  ) {
    this.#loop = loop;
    this.#primary = primary;
    this.name = where.name;
    this.region = where.region;
    this.lagMs = where.lagMs;
  }

  /** Whether it shows less than the primary has. */
  get isBehind(): boolean {
    return this.#frame() !== this.#primary.frames.at(-1);
  }

  get(key: string): unknown {
    return this.#frame().checkpoint.rows.get(key) ?? null;
  }

  labels(keys: readonly string[]): SourceLabels {
    const { checkpoint, horizon } = this.#frame();
    const version = (key: string): number =>
      checkpoint.versions.get(key)?.n ?? (key === keyspaceOf(key) ? 0 : checkpoint.collectedN);
    return {
      asOf: horizon,
      versions: keys.map((key) => ({ era: horizon.era, n: version(key) })),
      scopes: keys.map((key) => version(keyspaceOf(key))),
    };
  }

  #frame(): Frame {
    const { frames } = this.#primary;
    const untilMs = this.#loop.nowMs - this.lagMs;
    while (this.#shown + 1 < frames.length && frames[this.#shown + 1]!.atMs <= untilMs) this.#shown += 1;
    return frames[this.#shown]!;
  }
}
