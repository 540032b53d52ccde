import { ConfigurationError } from '../ports/errors.ts';
import { type Label, reachesLabel } from '../protocol/dependency.ts';
import type { Version } from '../protocol/version.ts';
import { Session } from '../session/session.ts';
import type { L1Cache } from './l1-cache.ts';
import type { L2Answer } from './l2-question.ts';
import type { L2Reader } from './l2-reader.ts';
import { type Checked, LabelBatcher } from './label-batcher.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';

/** Loads from the primary; joins no load that began before `notBeforeMs` or below the version. */
export type LoadCurrent = (
  miss: Miss,
  answer: L2Answer | null,
  version: Version,
  notBeforeMs: number,
  alone: boolean,
) => Promise<ServedResult>;

/**
 * Reads that must not be older than what somebody knows: the primary (`latest`), or a session. A cached
 * value is served if the primary says that it is the latest; only one that moved is loaded.
 */
export class CurrentReader {
  readonly #l1: L1Cache;
  readonly #l2: L2Reader;
  readonly #labels: LabelBatcher | null;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #load: LoadCurrent;

  constructor(options: ResolvedOptions<unknown, unknown>, l1: L1Cache, l2: L2Reader, load: LoadCurrent) {
    this.#options = options;
    this.#l1 = l1;
    this.#l2 = l2;
    this.#labels = options.source && new LabelBatcher(options.source, options.runtime);
    this.#load = load;
  }

  async read(miss: Miss, consistency: 'latest' | Session): Promise<ServedResult> {
    if (!this.#labels) throw new ConfigurationError('latest and sessions need a source of versions');
    if (consistency === 'latest') return this.#latest(miss, this.#labels);
    const answer = await this.#l2.ask(miss);
    const found = this.#found(miss, answer);
    const result =
      found && consistency.allows(miss.key, found) ? found : await this.#check(miss, answer, this.#labels);
    // What moved while it was loaded may be in it: from here on no less will do.
    const { moved } = result;
    consistency.saw(miss.key, moved ? { ...moved.own, dependencies: moved.dependencies } : result);
    return result;
  }

  /** The primary is asked while the store is; what L1 holds spares the store. */
  async #latest(miss: Miss, labels: LabelBatcher): Promise<ServedResult> {
    const { keyspace, params, key } = miss;
    const entry = this.#l1.get(key);
    const nowMs = this.#options.runtime.monoMs();
    if (entry && nowMs < entry.staleUntilMs) {
      const { value, version, scope, dependencies } = entry;
      const unproven = { stalenessBoundMs: Number.POSITIVE_INFINITY, why: 'fresh' } as const;
      const held: ServedResult = {
        value,
        tier: 'l1',
        version,
        scope,
        freshUntilMs: entry.freshUntilMs,
        due: false,
        dependencies,
        ...unproven,
      };
      const checked = await labels.ask([key, ...held.dependencies.map((each) => each.key)]);
      return this.#reached(held, checked) ?? this.#renew(miss, null, checked);
    }
    const known = keyspace.dependsOn?.(params) ?? [];
    const [checked, answer] = await Promise.all([labels.ask([key, ...known]), this.#l2.ask(miss)]);
    const found = this.#found(miss, answer);
    if (!found) return this.#renew(miss, answer, checked);
    const asked = new Set(known);
    if (found.dependencies.some((each) => !asked.has(each.key))) return this.#check(miss, answer, labels);
    return this.#reached(found, checked) ?? this.#renew(miss, answer, checked);
  }

  async #check(miss: Miss, answer: L2Answer | null, labels: LabelBatcher): Promise<ServedResult> {
    const found = this.#found(miss, answer);
    const checked = await labels.ask([miss.key, ...(found?.dependencies ?? []).map((each) => each.key)]);
    return (found && this.#reached(found, checked)) ?? this.#renew(miss, answer, checked);
  }

  #found(miss: Miss, answer: L2Answer | null): ServedResult | null {
    const found = answer && this.#l2.judge(miss, answer, 'eventual');
    return found && typeof found === 'object' ? found : null;
  }

  /** The cached value, if nothing that it was made from has moved since. */
  #reached(found: ServedResult, { labels, askedAtMs }: Checked): ServedResult | null {
    const byKey = new Map(labels.map((label) => [label.key, label]));
    const current = (known: Label): boolean => {
      const label = byKey.get(known.key);
      return label !== undefined && reachesLabel(known, label);
    };
    const own = found.version && current({ ...found, version: found.version, key: labels[0]!.key });
    if (!own || !found.dependencies.every(current)) return null;
    return { ...found, why: 'fresh', stalenessBoundMs: this.#options.runtime.monoMs() - askedAtMs };
  }

  async #renew(miss: Miss, answer: L2Answer | null, checked: Checked): Promise<ServedResult> {
    const { labels, askedAtMs } = checked;
    const known = answer?.meta ? answer : await this.#l2.ask(miss);
    const { version } = labels[0]!;
    const joined = await this.#load(miss, known, version, askedAtMs, false);
    // Somebody else's load may have ended with another process' value, which is checked like any other.
    const fromPrimary = joined.tier === 'source' && joined.stalenessBoundMs < Number.POSITIVE_INFINITY;
    if (fromPrimary || this.#reached(joined, checked)) return joined;
    return this.#load(miss, known, version, askedAtMs, true);
  }
}
