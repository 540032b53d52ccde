import { groupSuite } from '@tidemark/conformance';
import type { GroupSource, SqlExecutor } from '@tidemark/core';
import type { PoolClient } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { testDatabase, type TestDatabase } from './database.ts';

groupSuite<SqlExecutor>('postgres', async () => {
  const database = await testDatabase();
  return {
    source: database.source(),
    another: async () => database.source(),
    write: async (tx) => void (await tx.query('SELECT pg_current_xact_id()')),
    close: async () => database[Symbol.asyncDispose](),
  };
});

describe('locks of groups in postgres', () => {
  let database: TestDatabase;
  let groups: GroupSource;
  let other: PoolClient;

  beforeAll(async () => {
    database = await testDatabase();
    groups = database.source().groups!;
  });
  beforeEach(async () => {
    other = await database.pool.connect();
    await other.query('BEGIN');
  });
  afterEach(async () => {
    await other.query('ROLLBACK');
    other.release();
  });
  afterAll(() => database[Symbol.asyncDispose]());

  /** Lets the other transaction commit once `work` waits for it, or did not. */
  async function meanwhile<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => void (ended = true);
    work.then(end, end);
    await vi.waitFor(
      async () => {
        const { rows } = await database.pool.query(
          'SELECT FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND datname = current_database()',
        );
        expect(ended || rows.length > 0).toBe(true);
      },
      { timeout: 10_000, interval: 5 },
    );
    await other.query('COMMIT');
    return work;
  }

  async function call(statement: string, generation: string, ...rest: readonly unknown[]): Promise<void> {
    const [era, n] = generation.split('.');
    await other.query(statement, ['price', era, n, ...rest]);
  }

  it('a seal waits for those who stage, and counts what they brought', async () => {
    const generation = await groups.begin('price');
    await groups.stage('price', generation, [{ key: 'a', value: '1' }]);
    await call('SELECT tidemark.stage_members($1, $2, $3, $4, $5)', generation, ['b'], ['2']);
    expect(await meanwhile(groups.seal('price', generation))).toBe(2);
  });

  it('whoever stages waits for a seal, and is refused after it', async () => {
    const generation = await groups.begin('price');
    await groups.stage('price', generation, [{ key: 'a', value: '1' }]);
    await call('SELECT tidemark.seal_generation($1, $2, $3)', generation);
    const late = meanwhile(groups.stage('price', generation, [{ key: 'b', value: '2' }]));
    await expect(late).rejects.toMatchObject({ code: 'E_GENERATION_STATE', problem: 'sealed' });
  });

  it('a rollback waits for a collection, and does not bring back what that took', async () => {
    const all: string[] = [];
    for (const value of ['1', '2']) {
      const generation = await groups.begin('price');
      await groups.stage('price', generation, [{ key: 'a', value }]);
      await groups.seal('price', generation);
      await groups.swap('price', generation, {});
      all.push(generation);
    }
    await other.query(`SELECT tidemark.collect_generations('price', 0, 0, 0)`);
    const late = meanwhile(groups.rollback('price', all[0]!, {}));
    await expect(late).rejects.toMatchObject({ code: 'E_GENERATION_GONE' });
    expect(await groups.current('price')).toBe(all[1]);
  });

  it('what caches are given survives a crash of the server, also where commits are asynchronous', async () => {
    const generation = await groups.begin('price');
    await other.query('SET LOCAL synchronous_commit = off');
    await call('SELECT tidemark.stage_members($1, $2, $3, $4, $5)', generation, ['a'], ['1']);
    const { rows } = await other.query('SHOW synchronous_commit');
    expect(rows).toEqual([{ synchronous_commit: 'local' }]);
  });
});
