import type { KeyReads, NodeAnswer } from '@tidemark/core';
import { askNodes, type Mesh } from '@tidemark/inspect';
import type { HotKey, NodesNow } from './api.ts';
import { hotKeysOf } from './hot-keys.ts';
import { type NodesStep, RegionCounts } from './node-counts.ts';
import { Repeated } from './repeated.ts';

const EVERY_MS = 2_000;
/** Nodes of far regions need a round trip. */
const WAIT_MS = 800;
const HOT_KEYS = 30;

/** What the services' nodes say of themselves, region by region. */
export class NodesWatch {
  readonly #mesh: Mesh;
  readonly #counts: ReadonlyMap<string, RegionCounts>;
  readonly #hot = new Map<string, readonly KeyReads[]>();
  readonly work: readonly Repeated[];

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    const ids = mesh.regions.map(({ region }) => region.id);
    this.#counts = new Map(ids.map((id) => [id, new RegionCounts(id)]));
    this.work = ids.map((id) => new Repeated(EVERY_MS, () => this.#ask(id)));
  }

  get now(): readonly NodesNow[] {
    return [...this.#counts.values()].flatMap(({ now }) => (now ? [now] : []));
  }

  /** Of all regions whose nodes answer. */
  get hotKeys(): readonly HotKey[] {
    return hotKeysOf(
      [...this.#counts.keys()].map((id) => this.#hot.get(id) ?? []),
      HOT_KEYS,
    );
  }

  step(region: string): NodesStep {
    return this.#counts.get(region)!.step;
  }

  async #ask(region: string): Promise<void> {
    // Of a region that is away nothing is known: what its nodes said before is not shown as if it were now.
    const answers = await askNodes(this.#mesh, region, { hotKeys: HOT_KEYS }, { waitMs: WAIT_MS }).catch(
      (): NodeAnswer[] => [],
    );
    const counts = answers.map(({ node, stats }) => ({ node, ...stats }));
    this.#counts.get(region)!.take(counts, Date.now(), performance.now());
    this.#hot.set(
      region,
      answers.flatMap(({ hotKeys }) => hotKeys),
    );
  }
}
