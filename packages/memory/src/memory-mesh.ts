import type { Bus, RegionId, Runtime } from '@tidemark/core';
import { MemoryBus } from './memory-bus.ts';
import { MemoryStream } from './memory-stream.ts';
import { Signals } from './signals.ts';

export interface MemoryMeshOptions {
  readonly runtime: Runtime;
  readonly regions: readonly RegionId[];
  /** One-way delay between two different regions, ms. Default 0. */
  readonly delayMs?: (from: RegionId, to: RegionId) => number;
  /** Messages that a region's stream keeps. Default 100,000. */
  readonly messagesMax?: number;
}

/** What the buses of one mesh share. */
export interface MeshLinks {
  readonly runtime: Runtime;
  readonly regions: readonly RegionId[];
  stream(region: RegionId): MemoryStream;
  signals(region: RegionId): Signals;
  /** One-way delay, or null while the two are cut off from each other. */
  delayMs(from: RegionId, to: RegionId): number | null;
  /** Calls back when a link may have healed. */
  onHeal(callback: () => void): () => void;
}

/** Regions of one process, with delays and cuts between them: the embedded bus. */
export class MemoryMesh implements MeshLinks {
  readonly runtime: Runtime;
  readonly regions: readonly RegionId[];
  readonly #delayMs: (from: RegionId, to: RegionId) => number;
  readonly #streams = new Map<RegionId, MemoryStream>();
  readonly #signals = new Map<RegionId, Signals>();
  readonly #cut = new Set<RegionId>();
  readonly #heals = new Set<() => void>();

  constructor(options: MemoryMeshOptions) {
    this.runtime = options.runtime;
    this.regions = options.regions;
    this.#delayMs = options.delayMs ?? (() => 0);
    for (const region of options.regions) {
      this.#streams.set(region, new MemoryStream(options.messagesMax ?? 100_000));
      this.#signals.set(region, new Signals());
    }
  }

  /** A connection of one process in `region`; each process has its own. */
  bus(region: RegionId): Bus {
    return new MemoryBus(this, region);
  }

  /** Cuts a region off from all others. Within the region everything goes on. */
  cut(region: RegionId): void {
    this.#cut.add(region);
  }

  heal(region: RegionId): void {
    this.#cut.delete(region);
    for (const callback of this.#heals) callback();
  }

  stream(region: RegionId): MemoryStream {
    return this.#streams.get(region)!;
  }

  signals(region: RegionId): Signals {
    return this.#signals.get(region)!;
  }

  delayMs(from: RegionId, to: RegionId): number | null {
    if (from === to) return 0;
    return this.#cut.has(from) || this.#cut.has(to) ? null : this.#delayMs(from, to);
  }

  onHeal(callback: () => void): () => void {
    this.#heals.add(callback);
    return () => this.#heals.delete(callback);
  }
}

/** @see MemoryMesh */
export function memoryMesh(options: MemoryMeshOptions): MemoryMesh {
  return new MemoryMesh(options);
}

/** A bus for a single region in this process. */
export function memoryBus(runtime: Runtime, region: RegionId = 'local'): Bus {
  return memoryMesh({ runtime, regions: [region] }).bus(region);
}
