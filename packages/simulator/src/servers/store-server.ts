import { type MemoryStore, type MemoryStoreCheckpoint, memoryStore } from '@tidemark/memory';
import type { EventLoop } from '../kernel/event-loop.ts';
import type { Server } from '../kernel/network.ts';

export interface StoreKnobs {
  readonly entriesMax: number;
  readonly tombstoneTtlMs: number;
}

/** A region's store, or one partition of it: the embedded one behind a server that faults can reach. */
export class StoreServer implements Server {
  readonly name: string;
  readonly region: string;
  state: Server['state'] = 'up';
  readonly memory: MemoryStore;
  readonly entriesMax: number;
  /** How far its clock is off, ms. */
  clockMs: number;
  /** Told when it has lost something that it had acknowledged. */
  onRolledBack: () => void = () => {};
  #saved: MemoryStoreCheckpoint | null = null;

  constructor(
    loop: EventLoop,
    where: { readonly name: string; readonly region: string; readonly clockMs: number },
    knobs: StoreKnobs,
  ) {
    this.name = where.name;
    this.region = where.region;
    this.clockMs = where.clockMs;
    this.entriesMax = knobs.entriesMax;
    const monoMs = (): number => loop.nowMs + this.clockMs;
    const none = (): never => {
      throw new Error('a store asks for nothing but the time');
    };
    const runtime = { monoMs, wallMs: none, random: none, randomId: none, timer: none };
    this.memory = memoryStore({ runtime, ...knobs });
  }

  /** What `rollBack` goes back to. */
  save(): void {
    this.#saved = this.memory.checkpoint();
  }

  /** Returns false when nothing was saved. */
  rollBack(): boolean {
    if (!this.#saved) return false;
    this.memory.restore(this.#saved);
    this.onRolledBack();
    return true;
  }
}
