import {
  type Bump,
  type Committed,
  type Leadership,
  type SourceOfTruth,
  type SourceReader,
  SourceUnavailableError,
} from '@tidemark/core';
import type { MemoryDb } from '@tidemark/memory';
import type { Chance } from '../kernel/chance.ts';
import type { EventLoop } from '../kernel/event-loop.ts';
import type { Life } from '../kernel/life.ts';
import type { Network, Server } from '../kernel/network.ts';
import type { Coverage } from '../run/coverage.ts';
import type { ReplicaServer, ServerTransaction, SourceServer } from '../servers/source-server.ts';

/** What writers of the simulated service write with. Both wait while another transaction has the row. */
export interface SimTx {
  put(key: string, write: string): Promise<void>;
  remove(key: string, write: string): Promise<void>;
}

interface Parts {
  readonly life: Life;
  readonly loop: EventLoop;
  readonly chance: Chance;
  readonly network: Network;
  readonly coverage: Coverage;
  readonly server: SourceServer;
  readonly replicas: readonly ReplicaServer[];
  /** On the process' clock. */
  readonly timeoutMs: number;
}

const LEAD_NOTICED_MS_MAX = 2_000;

/** One process' client of the source and its replicas. */
export function simSource(parts: Parts): SourceOfTruth<MemoryDb, SimTx> {
  const { life, loop, chance, network, coverage, server, replicas, timeoutMs } = parts;
  let leads = 0;

  function call<T>(operation: string, execute: () => T | Promise<T>, to: Server = server): Promise<T> {
    return network.call(life, {
      server: to,
      operation,
      timeoutMs,
      unavailable: (why) => new SourceUnavailableError(why),
      execute,
    });
  }

  async function transaction<T>(work: (tx: SimTx, bump: Bump) => Promise<T>): Promise<Committed<T>> {
    const session: ServerTransaction = await call('begin', () => server.begin());
    life.onDeath(() => loop.after(chance.between(`${life.name} aborts`, 0, 500), () => session.abort()));
    const writes = new Map<string, { write: string; absent: boolean }>();
    const bumped = new Set<string>();
    const statement = (key: string, write: string, absent: boolean): Promise<void> =>
      call(absent ? 'delete' : 'put', () =>
        session.run(async (tx) => {
          writes.set(key, { write, absent });
          await (absent ? tx.delete(key) : server.put(tx, key, write));
        }),
      );
    const tx: SimTx = {
      put: (key, write) => statement(key, write, false),
      remove: (key, write) => statement(key, write, true),
    };
    let value: T;
    try {
      value = await work(tx, (key) => bumped.add(key));
    } catch (error) {
      void call('rollback', () => session.abort()).catch(() => {});
      throw error;
    }
    const { invalidations } = await call('commit', async () => {
      if (bumped.size > 0) {
        await session.run(async (_, bump) => {
          for (const key of bumped) bump(key);
        });
      }
      const committed = await session.commit();
      server.noteCommit(committed, writes);
      return committed;
    });
    return { value, invalidations };
  }

  async function lead(role: string): Promise<Leadership | null> {
    const token = `${life.name} leads ${leads++}`;
    const lost = new AbortController();
    const release = (): void => server.unlead(role, token);
    const soon = (name: string, task: () => void): void => {
      loop.after(chance.between(`${life.name} ${name}`, 0, LEAD_NOTICED_MS_MAX), task);
    };
    const granted = await call('lead', () =>
      // Others may lead before the one that lost it hears of it.
      server.lead(role, life, token, () => soon('lost', () => life.deliver(() => lost.abort('lost')))),
    ).catch((error: unknown) => {
      soon('half-led', release);
      throw error;
    });
    if (!granted) return null;
    life.onDeath(() => soon('led', release));
    return {
      lost: lost.signal,
      async resign() {
        lost.abort('resigned');
        await call('resign', release).catch(() => soon('resigned', release));
      },
    };
  }

  const reader = (replica: ReplicaServer): SourceReader<MemoryDb> => ({
    db: {
      get: <T>(key: string) =>
        call(
          'replica get',
          () => {
            if (replica.isBehind) coverage.note('replica-behind');
            return structuredClone(replica.get(key)) as T | null;
          },
          replica,
        ),
    },
    labels: (keys) => call('replica labels', () => replica.labels(keys), replica),
  });

  const { groups } = server.source;
  /** Commits by itself: what it bumped is on its way to replicas. */
  const committing = <T>(operation: string, commit: () => Promise<Committed<T>>): Promise<Committed<T>> =>
    call(operation, async () => {
      const committed = await commit();
      server.noteCommit(committed, new Map());
      return committed;
    });

  return {
    groups: {
      begin: (group) => call('begin generation', () => groups!.begin(group)),
      stage: (group, generation, members) => call('stage', () => groups!.stage(group, generation, members)),
      seal: (group, generation) => call('seal', () => groups!.seal(group, generation)),
      current: (group) => call('current', () => groups!.current(group)),
      read: (group, generation, keys) => call('read members', () => groups!.read(group, generation, keys)),
      page: (group, generation, after, limit) =>
        call('page members', () => groups!.page(group, generation, after, limit)),
      swap: (group, to, request) => committing('swap', () => groups!.swap(group, to, request)),
      rollback: (group, to, request) => committing('swap back', () => groups!.rollback(group, to, request)),
      list: (group) => call('list generations', () => groups!.list(group)),
      collect: (group, request) => call('collect generations', () => groups!.collect(group, request)),
    },
    db: { get: (key) => call('get', () => server.source.db.get(key)) },
    labels: (keys) => call('labels', () => server.source.labels(keys)),
    ...(replicas.length > 0 && {
      replica: {
        use: (work) =>
          work(reader(replicas[Math.floor(chance.unit(`${life.name} replica`) * replicas.length)]!)),
      },
    }),
    changes: (since, page) => call('changes', () => server.source.changes(since, page)),
    transaction,
    lead,
    loadCursor: (name) => call('loadCursor', () => server.source.loadCursor(name)),
    saveCursor: (name, position) => call('saveCursor', () => server.source.saveCursor(name, position)),
    async close() {},
  };
}
