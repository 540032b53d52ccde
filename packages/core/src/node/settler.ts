import type { StoreMeta } from '../protocol/record.ts';
import type { KeyTrace } from './key-trace.ts';
import type { L1Cache } from './l1-cache.ts';
import type { L1Entries } from './l1-entries.ts';
import type { L2Reader } from './l2-reader.ts';
import { lifetime } from './lifetime.ts';
import { assertNotReplaced, type Loaded } from './loader.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';
import type { RecordAnswer } from './read-batcher.ts';
import type { ServedResult } from './read-result.ts';
import type { SeenFloors } from './seen-floors.ts';
import type { StoreFiller } from './store-filler.ts';

const UNPROVEN = Number.NEGATIVE_INFINITY;

/** What the store showed at the miss. */
export interface Seen {
  /** Null when it is away or new. */
  readonly meta: StoreMeta | null;
  /** When the value that it showed was filled; null for none. */
  readonly replaces: number | null;
}

/** @param schema of the reader: a value of another one is not what its fill would replace */
export function seenIn(answer: RecordAnswer | null, schema: number): Seen {
  const value = answer?.record?.value;
  return { meta: answer?.meta ?? null, replaces: value?.schema === schema ? value.filledAtMs : null };
}

interface Parts {
  readonly l1: L1Cache;
  readonly l2: L2Reader;
  readonly floors: SeenFloors;
  readonly filler: StoreFiller;
  readonly entries: L1Entries;
  readonly trace: KeyTrace;
}

/** Fills the tiers with what was loaded, as far as the rules admit it. */
export class Settler {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #l1: L1Cache;
  readonly #l2: L2Reader;
  readonly #floors: SeenFloors;
  readonly #filler: StoreFiller;
  readonly #entries: L1Entries;
  readonly #trace: KeyTrace;

  constructor(options: ResolvedOptions<unknown, unknown>, { l1, l2, floors, filler, entries, trace }: Parts) {
    this.#options = options;
    this.#l2 = l2;
    this.#l1 = l1;
    this.#floors = floors;
    this.#filler = filler;
    this.#entries = entries;
    this.#trace = trace;
  }

  /** The result for readers. Null when a replica was too late: then the primary must be asked. */
  async settle(
    miss: Miss,
    seen: Seen,
    loaded: Loaded,
    lease: string | null,
    why: ServedResult['why'],
  ): Promise<ServedResult | null> {
    const { keyspace, key, ticket } = miss;
    const { meta, replaces } = seen;
    const { runtime } = this.#options;
    const { value, label, dependencies, startedAtMs, origin, moved } = loaded;
    if (origin === 'primary') assertNotReplaced(key, meta, label);
    // Drawn once: both tiers end at about the same time.
    const life = lifetime(keyspace, value, runtime.random());
    const isOvertaken = (): boolean =>
      label
        ? [{ key, version: label.version, scope: label.scope }, ...dependencies].some((each) =>
            this.#floors.isOvertaken(each),
          )
        : this.#floors.heardSince(key, startedAtMs);
    const heard = isOvertaken();
    const fill = { keyspace, key, meta: meta!, loaded, lease, lifetime: life, replaces, overtaken: heard };
    const word = meta === null ? 'away' : await this.#filler.fill(fill);
    const overtaken = heard || isOvertaken();
    // Heard while it was filled: the tombstone may have gone before.
    if (word === 'admitted' && label && this.#floors.isBelow(key, label.version))
      await this.#filler.raise(key, this.#floors.of(key));
    if (origin === 'replica' && (word !== 'admitted' || overtaken)) return null;
    const provenMs = origin === 'primary' ? startedAtMs : UNPROVEN;
    if (label) this.#l1.raise(key, label.version);
    // The store may be away, or have forgotten: this node's memory has to speak as well.
    const remembered = this.#floors.remembersSince(startedAtMs);
    const nowMs = runtime.monoMs();
    if (word === 'admitted' && !moved && !overtaken && !remembered) await this.#takeFromStore(miss);
    const vouched = word !== 'refused' && !moved && remembered;
    if (vouched && !overtaken) {
      const entry = this.#entries.make(keyspace, {
        value,
        version: label?.version ?? null,
        scope: label?.scope ?? 0,
        nowMs,
        freshUntilMs: nowMs + life.freshMs,
        staleMs: life.staleMs,
        loadedAtMs: provenMs,
        dependencies,
      });
      if (this.#l1.put(key, entry, ticket)) this.#trace.note(key, 'cached', entry.version);
    }
    return {
      value,
      tier: 'source',
      version: label?.version ?? null,
      scope: label?.scope ?? 0,
      freshUntilMs: nowMs + life.freshMs,
      due: false,
      dependencies,
      stalenessBoundMs: nowMs - provenMs,
      why,
      ...(moved && { moved }),
    };
  }

  /** A claim came while it was loaded: the store's word on it is worth more than this node's memory. */
  async #takeFromStore(miss: Miss): Promise<void> {
    const answer = await this.#l2.ask(miss);
    if (answer) this.#l2.judge(miss, answer, 'eventual');
  }
}
