import { bounded, type Consistency, partitionOf, type Session, type Version } from '@tidemark/core';
import type { HistoryLine, ReadLine, Value, WriteLine } from '@tidemark/checkers';
import type { Life } from '../kernel/life.ts';
import type { Operation } from '../plan/plan.ts';
import { simSource, type SimTx } from '../ports/sim-source.ts';
import { cachedKeysOf, PRICE_IDS, PRICES, rowKeyOf, SETTINGS_ROW } from './rows.ts';
import type { Place, Running, World } from './world.ts';

/** Does what the plan's operations say, through the public interface, and records it. */
export class Workload {
  readonly lines: HistoryLine[] = [];
  /** Operations that were begun. */
  begun = 0;
  readonly #world: World;
  /** What each session knows, as text that services hand on; operations of one session follow each other. */
  readonly #sessions = new Map<number, { token: string | undefined; last: Promise<void> }>();
  /** What is under way. */
  readonly #under = new Map<HistoryLine, Life>();
  #writes = 0;

  constructor(world: World) {
    this.#world = world;
  }

  schedule(operations: readonly Operation[]): void {
    for (const operation of operations) this.#world.loop.at(operation.atMs, () => this.#begin(operation));
  }

  /** Rows that are there from the beginning, written by somebody else. */
  async furnish(rows: number): Promise<void> {
    const { loop, network } = this.#world;
    network.healed = true;
    let left = rows + 1;
    const one = (): unknown => (left -= 1);
    void this.#sql('settings').then(one);
    for (let row = 0; row < rows; row += 1) void this.#sql(row).then(one);
    while (left > 0) await loop.runUntil(loop.nowMs + 5);
    network.healed = false;
  }

  /** The source went back, and kept so many commits of each row. */
  restored(rows: ReadonlyMap<string, number>): void {
    const { loop, source } = this.#world;
    const kept = [...rows].flatMap(([row, counter]) =>
      cachedKeysOf(row).map((key) => [key, counter] as const),
    );
    this.lines.push({
      type: 'restore',
      atMs: loop.nowMs,
      era: source.database.era,
      kept: Object.fromEntries(kept),
    });
  }

  /** Whether anything that it began may still do something. */
  get isBusy(): boolean {
    for (const life of this.#under.values()) if (life.isAlive) return true;
    return false;
  }

  /** Operations of living processes that never ended. */
  unfinished(): HistoryLine[] {
    return [...this.#under]
      .filter(([line, life]) => line.type !== 'intent' && life.isAlive)
      .map(([line]) => line);
  }

  #start(life: Life, line: HistoryLine): () => void {
    this.#under.set(line, life);
    return () => this.#under.delete(line);
  }

  #begin(operation: Operation): void {
    const { places, plan } = this.#world;
    const place = places[operation.node % places.length]!;
    const row = operation.row % plan.rows;
    if (operation.kind === 'write-sql') return void this.#sql(row, place.region);
    const { running } = place;
    if (!running || running.life.isStopped) return;
    this.begun += 1;
    if (operation.kind === 'view') return void this.#view(running);
    if (operation.kind.startsWith('publish'))
      return void this.#publish(running, operation.kind === 'publish');
    const reads = operation.kind.startsWith('read');
    const inSession =
      plan.knobs.sessions && (operation.level === 'session' || (!reads && operation.row !== 1));
    const run = reads
      ? (session?: Session) => this.#read(place, running, operation, row, session)
      : (session?: Session) => this.#write(running, operation, row, session);
    if (inSession) this.#inSession(operation.session, running, run);
    else void run();
  }

  /** Sessions wander from node to node as tokens. */
  #inSession(id: number, { node, life }: Running, run: (session: Session) => Promise<void>): void {
    let kept = this.#sessions.get(id);
    if (!kept) this.#sessions.set(id, (kept = { token: undefined, last: Promise.resolve() }));
    const { last } = kept;
    const mine = kept;
    let done = (): void => {};
    mine.last = new Promise((resolve) => (done = resolve));
    // A process that dies takes what it did for the session with it; the user goes on with the token of before.
    life.onDeath(() => void last.then(done));
    void last.then(async () => {
      if (!life.isAlive) return done();
      const session = node.session(mine.token);
      await run(session).catch(() => {});
      if (life.isAlive && session.knows) mine.token = session.token();
      done();
    });
  }

  async #read(
    place: Place,
    running: Running,
    operation: Operation,
    row: number,
    session?: Session,
  ): Promise<void> {
    const { loop, judge, coverage } = this.#world;
    const { node, life, oracle, keyspaces, release } = running;
    const space = keyspaces[operation.keyspace];
    const key = space.key({ id: row });
    const { level } = operation.level === 'session' && !session ? { level: 'eventual' as const } : operation;
    const consistency = consistencyOf(level, operation, session);
    const begun = {
      type: 'read' as const,
      process: life.name,
      region: life.region,
      key,
      level,
      ...(level === 'bounded' && {
        // What the process' own clock counts as that long.
        boundMs: operation.boundMs / life.clock.rate,
        whenUnproven: operation.whenUnproven,
      }),
      ...(session && { session: `s${operation.session}` }),
      startMs: loop.nowMs,
    };
    const index = partitionOf(key, this.#world.plan.knobs.partitions);
    const watched = this.#world.storeOf(place.region, index).oracle;
    const floors = { l1: oracle.heardOf(key), l2: watched.toldOf(key), since: watched.life };
    const finished = this.#start(life, { ...begun, outcome: 'hung', endMs: Number.POSITIVE_INFINITY });
    const end = (rest: Partial<ReadLine>): void => {
      finished();
      this.lines.push({ ...begun, endMs: loop.nowMs, outcome: 'ok', ...rest } as ReadLine);
    };
    try {
      if (operation.kind === 'read-many' && level !== 'session') {
        const [value] = await node.getMany(space, [{ id: row }, { id: row + 1 }], { consistency });
        // One of many does not say that it is unproven.
        const unsaid = level === 'bounded' && operation.whenUnproven === 'serve';
        judge.value(life, rowKeyOf(key), value ?? null, release);
        end({ ...(unsaid && { level: 'eventual' as const }), value: value ?? null });
        return;
      }
      const result = await node.read(space, { id: row }, { consistency });
      const { value, tier, version, stalenessBoundMs, why } = result;
      coverage.note(`served-${tier}`);
      const unproven = level === 'bounded' && why === 'unproven';
      end({
        ...(unproven && { level: 'eventual' as const }),
        value,
        tier,
        version: version && show(version),
        claimedBoundMs: Number.isFinite(stalenessBoundMs) ? stalenessBoundMs / life.clock.rate : null,
        why,
      });
      const claim = stalenessBoundMs / life.clock.rate;
      // What it says of its age is a promise too.
      if (Number.isFinite(claim))
        end({
          level: 'bounded',
          boundMs: claim,
          value,
          tier,
          version: version && show(version),
          why: `claimed; ${why}`,
        });
      judge.value(life, rowKeyOf(key), value, release);
      if (version && tier === 'l1') oracle.served(key, 'L1', version, floors.l1, why);
      if (version && tier === 'l2') {
        oracle.served(key, 'L2', version, floors.l1, why);
        if (watched.life === floors.since) oracle.served(key, 'L2', version, floors.l2, why);
      }
    } catch (error) {
      end({ outcome: 'error', code: codeOf(error) });
    }
  }

  async #write(running: Running, operation: Operation, row: number, session?: Session): Promise<void> {
    const { node, life, keyspaces } = running;
    const key = `row:${row}`;
    const all = operation.kind === 'write-all';
    const id = `w${(this.#writes += 1)}`;
    const intent = {
      process: life.name,
      region: life.region,
      startMs: this.#world.loop.nowMs,
      write: id,
      key: all ? '*' : key,
      kind: operation.kind,
    };
    this.lines.push({ type: 'intent', ...intent });
    const work = async (tx: SimTx & { bumpAll(space: typeof keyspaces.row): void }): Promise<void> => {
      if (all) {
        await tx.put(SETTINGS_ROW, id);
        tx.bumpAll(keyspaces.row);
        tx.bumpAll(keyspaces.copy);
        return;
      }
      if (operation.kind === 'remove') await tx.remove(key, id);
      else if (operation.kind === 'write-two' && this.#world.plan.rows > 1) {
        // In the order of rows, as those do who don't want to wait for each other in a circle.
        const other = `row:${(row + 1) % this.#world.plan.rows}`;
        for (const each of [key, other].sort()) await tx.put(each, id);
      } else await tx.put(key, id);
      if (operation.kind === 'write-aborted') throw new Error('changed its mind');
    };
    const hung = { type: 'write' as const, ...intent, via: 'node' as const, outcome: 'hung' as const };
    const finished = this.#start(life, { ...hung, endMs: Number.POSITIVE_INFINITY });
    const end = (rest: Pick<WriteLine, 'outcome'> & Partial<WriteLine>): void => {
      finished();
      if (operation.kind === 'write-aborted') return;
      this.lines.push({
        type: 'write',
        ...intent,
        via: 'node',
        ...(session && { session: `s${operation.session}` }),
        endMs: this.#world.loop.nowMs,
        ...rest,
      });
    };
    try {
      const { invalidations } = await node.write(work, session && { session });
      running.oracle.knows(invalidations);
      const versions = invalidations.map(({ key: each, version }) => `${each}@${show(version)}`);
      end({ outcome: 'ok', versions, storeTold: this.#storeKnows(life.region, invalidations) });
    } catch (error) {
      end({ outcome: 'error', code: codeOf(error) });
    }
  }

  /** Makes a new list visible all at once, or the one before. */
  async #publish({ node, life }: Running, isNew: boolean): Promise<void> {
    const list = `w${(this.#writes += 1)}`;
    const startMs = this.#world.loop.nowMs;
    const finished = this.#start(life, {
      type: 'intent',
      process: life.name,
      region: life.region,
      startMs,
      write: list,
      key: PRICES.name,
      kind: 'publish',
    });
    try {
      if (isNew) {
        const generation = await node.stage(
          PRICES,
          PRICE_IDS.map((params) => [params, { list }] as const),
        );
        await node.swap(PRICES, generation);
      } else await node.rollback(PRICES);
      this.#world.coverage.note(isNew ? 'published' : 'published-back');
    } catch {
      // Nobody is promised anything by a list that was not made visible.
    }
    finished();
  }

  /** Reads a list, member by member, as slowly as it may be. */
  async #view({ node, life }: Running): Promise<void> {
    const { loop, coverage } = this.#world;
    const begun = { process: life.name, region: life.region, startMs: loop.nowMs, key: PRICES.name };
    const finished = this.#start(life, { type: 'intent', ...begun, write: 'none', kind: 'view' });
    try {
      const view = await node.view(PRICES);
      const members: (string | null)[] = [];
      for (const params of PRICE_IDS) members.push((await view.get(params))?.list ?? null);
      this.lines.push({ type: 'view', ...begun, endMs: loop.nowMs, members });
      coverage.note('viewed');
    } catch (error) {
      coverage.note(`view-failed ${codeOf(error)}`);
    }
    finished();
  }

  /** Whether the region's store has taken the news. */
  #storeKnows(region: string, invalidations: readonly { key: string; version: Version }[]): boolean {
    const { partitions } = this.#world.plan.knobs;
    return invalidations.every(({ key, version }) => {
      if (!key.includes(':')) return false;
      const told = this.#world.storeOf(region, partitionOf(key, partitions)).oracle.toldOf(key);
      return (
        told !== undefined && (told.era > version.era || (told.era === version.era && told.n >= version.n))
      );
    });
  }

  /** A write without the library: only the changelog tells of it. */
  async #sql(row: number | 'settings', region = this.#world.regions[0]!): Promise<void> {
    const { loop, chance, network, coverage, source } = this.#world;
    const number = (this.#writes += 1);
    const life = this.#world.stranger(region, number);
    const settings = row === 'settings';
    const intent = {
      process: life.name,
      region,
      startMs: loop.nowMs,
      write: `w${number}`,
      key: settings ? '*' : `row:${row}`,
      kind: 'write-sql',
    };
    this.lines.push({ type: 'intent', ...intent });
    const timeoutMs = this.#world.plan.knobs.callTimeoutMs;
    const client = simSource({
      life,
      loop,
      chance,
      network,
      coverage,
      server: source,
      replicas: [],
      timeoutMs,
    });
    const finished = this.#start(life, { type: 'intent', ...intent });
    const end = (outcome: 'ok' | 'error'): void => {
      finished();
      this.lines.push({ type: 'write', ...intent, via: 'sql', endMs: loop.nowMs, outcome });
    };
    await client
      .transaction((tx, bump) => {
        if (settings) bump('row');
        return tx.put(settings ? SETTINGS_ROW : intent.key, intent.write);
      })
      .then(
        () => end('ok'),
        () => end('error'),
      );
  }
}

function consistencyOf(level: Operation['level'], operation: Operation, session?: Session): Consistency {
  if (level === 'session') return session!;
  if (level !== 'bounded') return level;
  return bounded(operation.boundMs, { whenUnproven: operation.whenUnproven });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function show({ era, n }: Version): string {
  return `${era}.${n}`;
}

export function isSameValue(value: Value | null, other: Value | null): boolean {
  return value?.write === other?.write && value?.settings === other?.settings;
}
