import { mergePopularity } from '@tidemark/core';
import type { Mesh, MeshRegion } from '@tidemark/inspect';
import { measureWarmth } from '@tidemark/warmup';
import type { WarmNow } from './api.ts';
import { Repeated } from './repeated.ts';

const EVERY_MS = 10_000;
/** The keys that are read most; more would be a load on the store for a number on a page. */
const KEYS_MAX = 1_000;

/**
 * How warm each region is for the reads that it is known to get: measured at its store, so it is true whoever warms it,
 * and from where.
 */
export class WarmWatch {
  readonly #now = new Map<string, WarmNow>();
  readonly work: readonly Repeated[];

  constructor(mesh: Mesh) {
    this.work = mesh.regions.map((each) => new Repeated(EVERY_MS, () => this.#measure(each)));
  }

  get now(): readonly WarmNow[] {
    return [...this.#now.values()];
  }

  async #measure({ region: { id: region }, store }: MeshRegion): Promise<void> {
    try {
      const hot = await mergePopularity(store.popularity!.reports(), KEYS_MAX);
      const { hitRate, keys, cold } = await measureWarmth(store, hot);
      this.#now.set(region, { region, atMs: Date.now(), share: hitRate, keys, cold });
    } catch (error) {
      // A store that is away: an old number would look like a measured one.
      this.#now.delete(region);
      throw error;
    }
  }
}
