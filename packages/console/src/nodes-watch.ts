import type { Mesh } from '@tidemark/inspect';
import type { HotKey, NodesNow } from './api.ts';
import { type NodesStep, RegionCounts } from './node-counts.ts';
import type { Repeated } from './repeated.ts';

/** What the services' nodes say of themselves, region by region. */
export class NodesWatch {
  readonly #counts: ReadonlyMap<string, RegionCounts>;
  readonly work: readonly Repeated[] = [];
  readonly hotKeys: readonly HotKey[] = [];

  constructor(mesh: Mesh) {
    this.#counts = new Map(mesh.regions.map(({ region: { id } }) => [id, new RegionCounts(id)]));
  }

  get now(): readonly NodesNow[] {
    return [...this.#counts.values()].flatMap(({ now }) => (now ? [now] : []));
  }

  step(region: string): NodesStep {
    return this.#counts.get(region)?.step ?? { hitRate: null, readsPerS: null };
  }
}
