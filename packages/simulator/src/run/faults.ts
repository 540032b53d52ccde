import type { Fault, FaultKind } from '../plan/plan.ts';
import type { FaultLine } from '@tidemark/checkers';
import type { World } from './world.ts';

/** Undoes a fault; null when it had no effect. */
type Undo = (() => void) | null;
type FaultInfo = Partial<Pick<FaultLine, 'sourceAway' | 'processes' | 'rolledBack' | 'emptied'>>;

interface Effect {
  readonly target: string;
  readonly undo: Undo;
  readonly info?: FaultInfo;
}

const NOTHING: Effect = { target: '', undo: null };
const done = (): void => {};

/** What each fault does to a world. Each returns how to undo it. */
const EFFECTS: Readonly<Record<FaultKind, (world: World, fault: Fault) => Effect>> = {
  'region-cut'({ network, regions }, { target }) {
    const region = regions[target % regions.length]!;
    const others = regions.filter((each) => each !== region);
    for (const other of others) {
      network.cut(region, other);
      network.cut(other, region);
    }
    return {
      target: region,
      undo: () => {
        for (const other of others) {
          network.mend(region, other);
          network.mend(other, region);
        }
      },
      info: { sourceAway: region === regions[0] ? others : [region] },
    };
  },
  'one-way-cut'({ network, regions }, { target, amount }) {
    const from = regions[target % regions.length]!;
    const to = regions[(target + 1 + Math.floor(amount * (regions.length - 1))) % regions.length]!;
    if (from === to) return NOTHING;
    network.cut(from, to);
    return { target: `${from}>${to}`, undo: () => network.mend(from, to), info: { sourceAway: [from, to] } };
  },
  'slow-link'({ network, regions }, { target, amount }) {
    const from = regions[target % regions.length]!;
    const to = regions[(target + 1) % regions.length]!;
    network.slowDown(from, to, amount * 600);
    return {
      target: `${from}>${to}`,
      undo: () => network.slowDown(from, to, 0),
      info: { sourceAway: [from, to] },
    };
  },
  'source-away'({ network, regions, source }, { target, amount }) {
    const region = regions[target % regions.length]!;
    // Requests, replies, or both are lost.
    const ways =
      amount < 0.33
        ? [[region, source.name]]
        : amount < 0.66
          ? [[source.name, region]]
          : [
              [region, source.name],
              [source.name, region],
            ];
    for (const [from, to] of ways) network.cut(from!, to!);
    return {
      target: region,
      undo: () => {
        for (const [from, to] of ways) network.mend(from!, to!);
      },
      info: { sourceAway: [region] },
    };
  },
  'source-down'({ source }, { amount }) {
    source.state = amount < 0.5 ? 'refuses' : 'silent';
    return { target: source.name, undo: () => (source.state = 'up'), info: { sourceAway: 'all' } };
  },
  'source-restart'({ source }) {
    source.abortAll();
    source.dropLeaders();
    source.state = 'refuses';
    return { target: source.name, undo: () => (source.state = 'up'), info: { sourceAway: 'all' } };
  },
  'source-restore'({ source, coverage }) {
    source.save();
    return {
      target: source.name,
      undo: () => {
        source.abortAll();
        if (source.restore()) coverage.note('source-went-back');
      },
      info: { sourceAway: 'all' },
    };
  },
  'leader-dropped'({ source }) {
    return source.dropLeaders() > 0 ? { target: source.name, undo: done } : NOTHING;
  },
  'long-transaction'({ source, plan }, { amount }) {
    // It has an id, and so holds the horizon back; it ends well or badly.
    const transaction = source.begin();
    const key = `row:${Math.floor(amount * plan.rows)}`;
    void transaction.run((tx) => tx.set(`hold:${key}`, 1)).catch(done);
    return {
      target: source.name,
      undo: () => {
        if (amount < 0.5) transaction.abort();
        else void transaction.commit().catch(done);
      },
    };
  },
  'deletes-collected'({ source }) {
    return source.database.collect(100) > 0 ? { target: source.name, undo: done } : NOTHING;
  },
  'replica-stall'({ replicas }, { target, forMs }) {
    const replica = replicas[target % replicas.length];
    if (!replica) return NOTHING;
    const { lagMs } = replica;
    replica.lagMs += 2 * forMs;
    return { target: replica.name, undo: () => (replica.lagMs = lagMs) };
  },
  'replica-down'({ replicas }, { target, amount }) {
    const replica = replicas[target % replicas.length];
    if (!replica) return NOTHING;
    replica.state = amount < 0.5 ? 'refuses' : 'silent';
    return { target: replica.name, undo: () => (replica.state = 'up') };
  },
  'store-down': (world, fault) => storeState(world, fault, 'refuses'),
  'store-hung': (world, fault) => storeState(world, fault, 'silent'),
  'store-emptied'(world, fault) {
    const { server, oracle } = storeAt(world, fault);
    server.memory.clear();
    oracle.emptied();
    // As a restart, it takes a moment; or it is a FLUSHALL.
    if (fault.amount < 0.5) server.state = 'refuses';
    return { target: server.name, undo: () => (server.state = 'up'), info: { emptied: server.region } };
  },
  'store-rolled-back'(world, fault) {
    const { server, oracle } = storeAt(world, fault);
    server.save();
    return {
      target: server.name,
      undo: () => {
        if (!server.rollBack()) return;
        oracle.rolledBack();
        world.coverage.note('store-went-back');
        if (fault.amount < 0.5 || world.network.healed) return;
        server.state = 'refuses';
        world.loop.after(fault.forMs / 2, () => {
          server.state = 'up';
        });
      },
      info: { rolledBack: server.region },
    };
  },
  'store-clock-jump'(world, fault) {
    const { server } = storeAt(world, fault);
    server.clockMs += (fault.amount - 0.5) * 4 * fault.forMs;
    return { target: server.name, undo: done };
  },
  'bus-down'({ brokers, regions }, { target, amount }) {
    const broker = brokers.get(regions[target % regions.length]!)!;
    broker.state = amount < 0.5 ? 'refuses' : 'silent';
    return { target: broker.name, undo: () => (broker.state = 'up') };
  },
  'stream-purged'({ brokers, regions }, { target }) {
    const broker = brokers.get(regions[target % regions.length]!)!;
    broker.purge();
    return { target: broker.name, undo: done };
  },
  'stream-reset'({ brokers, regions }, { target }) {
    const broker = brokers.get(regions[target % regions.length]!)!;
    broker.reset();
    return { target: broker.name, undo: done };
  },
  crash(world, { target }) {
    const place = world.places[target % world.places.length]!;
    const { running } = place;
    if (!running) return NOTHING;
    running.life.kill();
    return {
      target: place.name,
      undo: () => restart(world, place),
      info: { processes: [running.life.name] },
    };
  },
  'crash-at-call'(world, { target, amount }) {
    const place = world.places[target % world.places.length]!;
    const { running } = place;
    if (!running) return NOTHING;
    running.life.dieAtCall(
      1 + Math.floor(amount * 12),
      amount * 100 - Math.floor(amount * 100) < 0.5 ? 'dies-before' : 'dies-after',
    );
    running.life.onDeath(() => world.coverage.note('crashed-at-call'));
    return {
      target: place.name,
      undo: () => {
        running.life.dieAtCall(Number.POSITIVE_INFINITY, 'goes-on');
        if (!running.life.isAlive) restart(world, place);
      },
      info: { processes: [running.life.name] },
    };
  },
  stall(world, { target }) {
    const place = world.places[target % world.places.length]!;
    const { running } = place;
    if (!running || running.life.isStopped) return NOTHING;
    running.life.stop();
    return { target: place.name, undo: () => running.life.goOn(), info: { processes: [running.life.name] } };
  },
  'wall-clock-jump'(world, { target, amount }) {
    const { running } = world.places[target % world.places.length]!;
    if (!running) return NOTHING;
    running.life.clock.wallSkewMs += (amount - 0.5) * 172_800_000;
    return { target: running.life.name, undo: done };
  },
};

function storeAt(world: World, { target }: Fault) {
  const stores = [...world.stores.values()].flat();
  return stores[target % stores.length]!;
}

function storeState(world: World, fault: Fault, state: 'refuses' | 'silent'): Effect {
  const { server } = storeAt(world, fault);
  server.state = state;
  return { target: server.name, undo: () => (server.state = 'up') };
}

function restart(world: World, place: World['places'][number]): void {
  if (!place.life?.isAlive) void world.start(place).catch(done);
}

/** Faults of a run: begins each at its time, undoes it after its time, and all of them at the end. */
export class Faults {
  readonly lines: FaultLine[] = [];
  readonly #world: World;
  readonly #open = new Set<() => void>();

  constructor(world: World) {
    this.#world = world;
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) this.#world.loop.at(fault.atMs, () => this.#begin(fault));
  }

  /** Undoes all that is still open, and brings everybody back. */
  healAll(): void {
    for (const undo of [...this.#open]) undo();
    for (const place of this.#world.places) {
      place.life?.goOn();
      restart(this.#world, place);
    }
  }

  #begin(fault: Fault): void {
    const { loop, coverage } = this.#world;
    if (this.#world.network.healed) return;
    const { target, undo, info } = EFFECTS[fault.kind](this.#world, fault);
    if (!undo) return;
    coverage.note(`fault ${fault.kind}`);
    const startMs = loop.nowMs;
    const end = (): void => {
      if (!this.#open.delete(end)) return;
      undo();
      this.lines.push({ type: 'fault', kind: fault.kind, target, startMs, endMs: loop.nowMs, ...info });
    };
    this.#open.add(end);
    loop.after(fault.forMs, end);
  }
}
