import type { Mesh } from './mesh.ts';

const SAMPLE_MS = 50;

/** Keeps the largest staleness bound that each region's nodes showed. */
export class BoundSampler {
  /** A region that is cut off can't prove anything: it is counted out until it is back. */
  readonly except = new Set<string>();
  readonly #max = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(mesh: Mesh) {
    this.#timer = setInterval(() => {
      for (const { region, node } of mesh.nodes) {
        if (this.except.has(region)) continue;
        this.#max.set(region, Math.max(this.maxMs(region), node.stats().stalenessBoundMs));
      }
    }, SAMPLE_MS);
  }

  maxMs(region: string): number {
    return this.#max.get(region) ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
