import type { Carrier } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import { compareVersions, type Version } from '../protocol/version.ts';

const KEYS_MAX = 10_000;

interface Cause {
  readonly version: Version;
  readonly carrier: Carrier;
}

/** Which trace invalidated a key, so that its next fill can link to it. Forgets the oldest. */
export class Causes {
  readonly #byKey = new Map<string, Cause>();

  /** What is told again, by the relay or by a resync, has the cause that it had. */
  note(invalidations: readonly Invalidation[], carrier: Carrier | undefined): void {
    if (!carrier) return;
    for (const { key, version } of invalidations) {
      const known = this.#byKey.get(key);
      if (known && compareVersions(version, known.version) <= 0) continue;
      this.#byKey.delete(key);
      this.#byKey.set(key, { version, carrier });
      if (this.#byKey.size <= KEYS_MAX) continue;
      const [oldest] = this.#byKey.keys();
      this.#byKey.delete(oldest!);
    }
  }

  /** Once: the fills after the next one have another cause. */
  take(key: string): readonly Carrier[] {
    if (this.#byKey.size === 0) return [];
    const cause = this.#byKey.get(key);
    if (!cause) return [];
    this.#byKey.delete(key);
    return [cause.carrier];
  }
}
