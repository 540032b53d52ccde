import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WarmReport } from '@tidemark/warmup';
import { expect, vi } from 'vitest';
import { Agents, CLI } from './agent-harness.ts';
import { type OpenNode, Regions } from './regions-harness.ts';
import { noted } from './warm-keyspaces.mjs';

export const WAIT = { timeout: 60_000, interval: 10 };
export const KEYSPACES = ['--keyspaces', fileURLToPath(new URL('warm-keyspaces.mjs', import.meta.url))];

/** Two regions over rows whose loads are counted, and the command that warms `eu`. */
export class WarmMesh {
  readonly regions: Regions;
  readonly agents: Agents;
  readonly rows: number;
  /** Arguments that choose `eu`. */
  readonly inEu: readonly string[];
  us!: OpenNode;
  eu!: OpenNode;
  dir!: string;
  readonly #children: ChildProcess[] = [];

  private constructor(regions: Regions, agents: Agents, inEu: readonly string[], rows: number) {
    this.regions = regions;
    this.agents = agents;
    this.inEu = inEu;
    this.rows = rows;
  }

  static async start(rows: number): Promise<WarmMesh> {
    const regions = await Regions.start(['us', 'eu']);
    const agents = await Agents.inTempDir();
    const inEu = await agents.place('eu', { us: regions.addresses('us'), eu: regions.addresses('eu') });
    await regions.admin.query(`create table loads (id integer not null)`);
    await regions.admin.query(`
      create function noted_items(ids int[]) returns setof items language sql as $$
        insert into loads select unnest(ids); select * from items where id = any (ids) $$`);
    await regions.admin.query(`insert into items select id, 'old' from generate_series(1, ${rows}) id`);
    return new WarmMesh(regions, agents, inEu, rows);
  }

  /** Nodes of both regions and an empty folder, for one test. */
  async begin(): Promise<void> {
    this.dir = await mkdtemp(join(tmpdir(), 'tidemark-warm-'));
    this.us = await this.regions.node('us', { keyspaces: [noted] });
    this.eu = await this.regions.node('eu', { keyspaces: [noted] });
    for (const { store } of [this.us, this.eu])
      await vi.waitFor(async () => expect((await store.read([])).meta).not.toBeNull(), WAIT);
  }

  async end(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    this.agents.kill();
    await this.regions.closeNodes();
    await rm(this.dir, { recursive: true });
  }

  async close(): Promise<void> {
    await this.regions.close();
    await this.agents.close();
  }

  async cacheAllInUs(): Promise<void> {
    // Nobody's reads.
    const { node } = await this.regions.node('us', { keyspaces: [noted], hotKeysMax: 0 });
    for (let from = 1; from <= this.rows; from += 500) {
      await node.getMany(
        noted,
        Array.from({ length: 500 }, (_, i) => ({ id: from + i })),
      );
    }
    await this.regions.admin.query('truncate loads');
  }

  /** Empties eu's Redis, as a failover without a replica does; resolves when its applier has set it up again. */
  async emptyEu(): Promise<void> {
    const before = (await this.eu.store.read([])).meta!.incarnation;
    const { redis } = this.regions.servers.get('eu')!;
    await redis.kill();
    await redis.wipe();
    await redis.start();
    await vi.waitFor(async () => {
      const { meta } = await this.eu.store.read([]);
      expect(meta && meta.incarnation !== before).toBe(true);
    }, WAIT);
  }

  warmArgs(...more: string[]): string[] {
    // On a busy machine live traffic always seems to wait.
    const calm = ['--live-slowdown', '0'];
    return ['warm', ...this.inEu, '--state', join(this.dir, 'state'), '--json', ...calm, ...more];
  }

  start(...args: string[]): ChildProcess {
    return this.run(...this.warmArgs(...args));
  }

  /** A command that is ended with its test, at the latest. */
  run(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  /** Batches that the state file says are done. */
  batchesDone(): number {
    const path = join(this.dir, 'state');
    if (!existsSync(path)) return -1;
    const { state } = JSON.parse(readFileSync(path, 'utf8')) as { state: { done: number; ahead: number[] } };
    return state.done + state.ahead.length;
  }

  /** Values that eu may serve as they are, and those of them that are not the source's. */
  async compared(): Promise<{ values: number; wrong: string[] }> {
    const { rows } = await this.regions.admin.query<{ id: number; value: string }>(
      'select id, value from items',
    );
    const wrong: string[] = [];
    let values = 0;
    for (let at = 0; at < rows.length; at += 500) {
      const page = rows.slice(at, at + 500);
      const { records } = await this.eu.store.read(page.map(({ id }) => noted.key({ id })));
      for (const [i, record] of records.entries()) {
        const value = record?.value;
        if (!value || value.version.n < record.tidemark.n) continue;
        values += 1;
        const cached = JSON.parse(new TextDecoder().decode(value.data!)) as { value: string };
        if (cached.value !== page[i]!.value)
          wrong.push(`${page[i]!.id}: ${cached.value}, not ${page[i]!.value}`);
      }
    }
    return { values, wrong };
  }

  async loadsNoted(): Promise<{ loads: number; keys: number }> {
    const { rows } = await this.regions.admin.query<{ loads: number; keys: number }>(
      'select count(*)::int as loads, count(distinct id)::int as keys from loads',
    );
    return rows[0]!;
  }

  async keysFile(count: number): Promise<string> {
    const path = join(this.dir, 'list');
    await writeFile(path, Array.from({ length: count }, (_, i) => `item:${i + 1}\n`).join(''));
    return path;
  }
}

export function reportIn(out: string): WarmReport {
  const lines = out.trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as { type: string });
  return events.find(({ type }) => type === 'report') as unknown as WarmReport;
}
