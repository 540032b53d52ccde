import {
  type EngineEvent,
  noTelemetry,
  partitionedStore,
  startNode,
  type Store,
  type TidemarkNode,
} from '@tidemark/core';
import { Chance } from '../kernel/chance.ts';
import { EventLoop } from '../kernel/event-loop.ts';
import { Life } from '../kernel/life.ts';
import { Network } from '../kernel/network.ts';
import { Judge } from '../oracle/judge.ts';
import { NodeOracle } from '../oracle/node-oracle.ts';
import { StoreOracle } from '../oracle/store-oracle.ts';
import type { Plan } from '../plan/plan.ts';
import { SimBus } from '../ports/sim-bus.ts';
import { type SimTx, simSource } from '../ports/sim-source.ts';
import { SimStore } from '../ports/sim-store.ts';
import { Broker } from '../servers/broker.ts';
import { ReplicaServer, SourceServer } from '../servers/source-server.ts';
import { StoreServer } from '../servers/store-server.ts';
import type { Coverage } from './coverage.ts';
import { type Keyspaces, keyspaces, PRICES } from './rows.ts';

const SECRETS = ['a secret of the simulation'];

/** One partition of a region's store, and who watches it. */
export interface WatchedStore {
  readonly server: StoreServer;
  readonly oracle: StoreOracle;
}

/** A node's place: processes come and go there. */
export interface Place {
  readonly name: string;
  readonly region: string;
  readonly number: number;
  /** The process that is there now; null while none is. */
  running: Running | null;
  /** Its process, whose node may not have started yet. */
  life: Life | null;
  lives: number;
}

/** One process with its node. */
export interface Running {
  readonly life: Life;
  readonly node: TidemarkNode<SimTx>;
  readonly store: Store;
  readonly keyspaces: Keyspaces;
  /** Schema version of its keyspaces. */
  readonly release: number;
  readonly oracle: NodeOracle;
}

/** Everything of a run: servers, places, and the real engine in each process. */
export class World {
  readonly plan: Plan;
  readonly loop = new EventLoop();
  readonly chance: Chance;
  readonly coverage: Coverage;
  readonly network: Network;
  readonly source: SourceServer;
  readonly replicas: readonly ReplicaServer[];
  readonly regions: readonly string[];
  readonly stores: ReadonlyMap<string, readonly WatchedStore[]>;
  readonly brokers: ReadonlyMap<string, Broker>;
  readonly places: readonly Place[];
  readonly judge: Judge;

  constructor(plan: Plan, coverage: Coverage) {
    this.plan = plan;
    this.coverage = coverage;
    this.chance = new Chance(plan.seed);
    const { loop, chance } = this;
    const { knobs } = plan;
    this.network = new Network(loop, chance, knobs.network, coverage);
    this.regions = plan.nodes.map((_, i) => String.fromCharCode(97 + i));
    this.source = new SourceServer(loop, this.regions[0]!);
    this.judge = new Judge(loop, this.source.log, () => this.source.database.era, coverage);
    this.replicas = knobs.replicaLagsMs.map(
      (lagMs, i) =>
        new ReplicaServer(loop, this.source, { name: `replica:${i}`, region: this.regions.at(-1)!, lagMs }),
    );
    this.brokers = new Map(this.regions.map((region) => [region, new Broker(region, knobs.messagesMax)]));
    this.stores = new Map(this.regions.map((region) => [region, this.#storesOf(region)]));
    this.places = this.regions.flatMap((region, at) =>
      Array.from({ length: plan.nodes[at]! }, (_, i) => ({
        name: `${region}-${i + 1}`,
        region,
        number: plan.nodes.slice(0, at).reduce((sum, count) => sum + count, 0) + i,
        running: null,
        life: null,
        lives: 0,
      })),
    );
  }

  /** Starts a process at a place; settles when its node has started, or never when it dies before. */
  async start(place: Place): Promise<void> {
    const { loop, chance, network, coverage, source, replicas, brokers } = this;
    const { knobs, clocks, releases } = this.plan;
    const release = releases[(place.number + place.lives) % releases.length]!;
    place.lives += 1;
    const name = `${place.name}#${place.lives}`;
    const life = new Life(loop, chance, {
      name,
      region: place.region,
      // A new process of the same machine.
      clock: { ...clocks[place.number % clocks.length]! },
    });
    place.life = life;
    const oracle = new NodeOracle(this.judge, name, place.region);
    const timeoutMs = knobs.callTimeoutMs;
    const parts = this.stores
      .get(place.region)!
      .map(({ server, oracle: watcher }) => new SimStore(life, network, server, watcher, timeoutMs));
    const store: Store = parts.length === 1 ? parts[0]! : partitionedStore(parts);
    const bus = new SimBus({
      life,
      loop,
      chance,
      network,
      coverage,
      brokers,
      delivery: knobs.delivery,
      timeoutMs,
      onFeed: (data) => oracle.heard(data),
    });
    const spaces = keyspaces(knobs.rows, release, () => this.#slowLoad(life));
    const options = {
      keyspaces: [spaces.row, spaces.copy],
      groups: [PRICES],
      store,
      bus,
      source: simSource({ life, loop, chance, network, coverage, server: source, replicas, timeoutMs }),
      ...(knobs.sessions && { sessionSecrets: SECRETS }),
      l1EntriesMax: knobs.l1EntriesMax,
      loadTimeout: knobs.loadTimeoutMs,
      loadConcurrencyMax: knobs.loadConcurrencyMax,
      leaseWait: knobs.leaseWaitMs,
      pingInterval: knobs.pingIntervalMs,
      // Nobody is outside.
      answers: false,
      telemetry: { ...noTelemetry, record: (event: EngineEvent) => noteEvent(coverage, event) },
      runtime: life.runtime,
    };
    life.onDeath(() => {
      if (place.running?.life === life) place.running = null;
    });
    const node = await startNode(options);
    if (life.isAlive) place.running = { life, node, store, keyspaces: spaces, release, oracle };
  }

  /** A process that writes to the source without the library. */
  stranger(region: string, number: number): Life {
    return new Life(this.loop, this.chance, {
      name: `${region}-sql#${number}`,
      region,
      clock: { offsetMs: 0, rate: 1, wallSkewMs: 0 },
    });
  }

  /** The store server that keeps a key in a region. */
  storeOf(region: string, index: number): WatchedStore {
    return this.stores.get(region)![index]!;
  }

  #storesOf(region: string): WatchedStore[] {
    const { partitions, store } = this.plan.knobs;
    return Array.from({ length: partitions }, (_, i) => {
      const name = partitions === 1 ? `store:${region}` : `store:${region}/${i}`;
      const server = new StoreServer(
        this.loop,
        { name, region, clockMs: this.chance.between(`${name} clock`, 0, 1_000_000) },
        store,
      );
      return { server, oracle: new StoreOracle(this.judge, server) };
    });
  }

  async #slowLoad(life: Life): Promise<void> {
    const { slowLoad, slowLoadMs } = this.plan.knobs;
    if (this.network.healed || !this.chance.happens(`${life.name} slow load`, slowLoad)) return;
    this.coverage.note('slow-load');
    const ms = this.chance.between(`${life.name} load`, 0, slowLoadMs);
    await new Promise<void>((resolve) => life.runtime.timer(ms, resolve));
  }
}

/** States of the protocol, as the engine itself tells of them. */
function noteEvent(coverage: Coverage, event: EngineEvent): void {
  switch (event.type) {
    case 'read':
      return coverage.note(`read-${event.tier}-${event.why}`);
    case 'fill':
      return event.verdict === 'moved' ? coverage.note('fill-moved') : undefined;
    case 'gap':
      return coverage.note(`gap: ${event.reason}`);
    case 'feed-gap':
      return coverage.note(`feed-gap-${event.reason}`);
    case 'resync':
      return coverage.note(event.ok ? 'resync' : 'resync-failed');
    case 'role':
      return event.leading ? coverage.note(`${event.role}-leads`) : undefined;
    case 'bad-message':
    case 'later-message':
    case 'lease-wait':
    case 'dead-letters':
      return coverage.note(event.type);
    default:
  }
}
