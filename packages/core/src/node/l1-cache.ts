import { LRUCache } from 'lru-cache';
import { compareVersions, type Version } from '../protocol/version.ts';
import { Dependents } from './dependents.ts';
import { estimateBytes } from './estimate-bytes.ts';
import type { L1Entry } from './l1-entry.ts';

export interface L1Options {
  readonly entriesMax: number;
  /** As `estimateBytes` counts. */
  readonly bytesMax: number;
  /** Whether entries are taken at once (a node that is alone), or only after `join`. */
  readonly open: boolean;
  /** Told of hits that nobody was told of while the entry was there. */
  readonly onHits: (key: string, times: number) => void;
}

/** Entries that are gone through at once: a few ms. */
const TOLD_AT_ONCE_MAX = 20_000;

const ignore = (): void => {};

/** Hits of an entry that the LRU is not told of, one after the other, while there is room, */
const UNTOLD_ROOMY_MAX = 64;
/** and when there is little: then their order decides which entry goes. */
const UNTOLD_TIGHT_MAX = 8;
/** Less of its limits than this that is free, is little. */
const ROOM_MIN = 1 / 4;

/** Proof that a read began in this life of the L1; see `L1Cache.put`. */
export type Ticket = number;

/**
 * The in-process tier. It holds only what the feed keeps right: entries are taken while the node
 * has joined the feed, and all are dropped when it lost its place.
 */
export class L1Cache {
  readonly #entries: LRUCache<string, L1Entry>;
  readonly #dependents = new Dependents();
  readonly #onHits: (key: string, times: number) => void;
  readonly #entriesRoomy: number;
  readonly #bytesRoomy: number;
  /** Hits of an entry that the LRU is not told of. */
  untoldMax = UNTOLD_ROOMY_MAX;
  /** Entries given up for want of room. */
  evictions = 0;
  #life = 0;
  #open: boolean;

  constructor({ entriesMax, bytesMax, open, onHits }: L1Options) {
    this.#entries = new LRUCache({
      max: entriesMax,
      maxSize: bytesMax,
      sizeCalculation: (entry, key) => estimateBytes(key, entry.value),
      dispose: (entry, key, why) => {
        if (why === 'evict') this.evictions += 1;
        if (entry.dependencies.length > 0) this.#dependents.remove(key, entry.dependencies);
        if (entry.hits > 0) onHits(key, entry.hits);
        entry.retire();
      },
    });
    this.#entriesRoomy = entriesMax * (1 - ROOM_MIN);
    this.#bytesRoomy = bytesMax * (1 - ROOM_MIN);
    this.#open = open;
    this.#onHits = onHits;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Without making it younger. */
  peek(key: string): L1Entry | undefined {
    return this.#entries.peek(key);
  }

  get(key: string): L1Entry | undefined {
    // A node without a bus keeps none, and looks for one with every read.
    return this.#entries.size === 0 ? undefined : this.#entries.get(key);
  }

  /** To be taken before a read asks anybody; null while nothing may be put. */
  ticket(): Ticket | null {
    return this.#open ? this.#life : null;
  }

  /**
   * Puts an entry unless the L1 was reset since the read began: an event that the reset answered
   * for is behind this node's place in the feed and would never come again.
   */
  put(key: string, entry: L1Entry, ticket: Ticket | null): boolean {
    if (ticket === null || ticket !== this.#life || !this.#open) return false;
    const known = this.#entries.peek(key);
    if (known !== undefined && entry.isBelow(known)) return false;
    this.#entries.set(key, entry);
    const isTight = this.size > this.#entriesRoomy || this.bytes > this.#bytesRoomy;
    this.untoldMax = isTight ? UNTOLD_TIGHT_MAX : UNTOLD_ROOMY_MAX;
    if (entry.dependencies.length > 0) this.#dependents.add(key, entry.dependencies);
    return true;
  }

  /** Drops the entry if it is older than `version`, and all that was made from an older one. */
  raise(key: string, version: Version, onDrop: (key: string) => void = ignore): void {
    if (this.#entries.size === 0) return;
    const known = this.#entries.peek(key);
    if (known?.mayBeBelow(version)) {
      this.#entries.delete(key);
      onDrop(key);
    }
    for (const dependent of [...this.#dependents.of(key)]) {
      const label = this.#entries.peek(dependent)?.dependencies.find((each) => each.key === key);
      if (!label || compareVersions(label.version, version) >= 0) continue;
      this.#entries.delete(dependent);
      onDrop(dependent);
    }
  }

  /** Drops everything; takes entries from now on only if `open`. */
  reset(open: boolean): void {
    this.#life += 1;
    this.#open = open;
    this.#entries.clear();
    this.#dependents.clear();
  }

  /** Tells of hits that were too few to be told; of the entries that were read last, for a lot of them. */
  tellHits(): void {
    let left = TOLD_AT_ONCE_MAX;
    for (const [key, entry] of this.entries()) {
      if (entry.hits > 0) this.#onHits(key, entry.hits);
      entry.hits = 0;
      left -= 1;
      if (left === 0) return;
    }
  }

  /** Every entry, for verifiers. */
  entries(): IterableIterator<[string, L1Entry]> {
    return this.#entries.entries() as IterableIterator<[string, L1Entry]>;
  }
}
