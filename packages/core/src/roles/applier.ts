import type { AnyKeyspace } from '../node/options.ts';
import type { Bus } from '../ports/bus.ts';
import { StoreFormatError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { backoffMs, sleep } from '../runtime/sleep.ts';
import { ApplierTerm } from './applier-term.ts';

const ROLE = 'applier';
/** How long a holder keeps the role without renewing it. */
const CLAIM_TTL_MS = 3_000;
const CLAIM_EVERY_MS = 1_000;
/** How long the role is free for others when its holder is in trouble; longer than they wait between claims. */
const OFFER_MS = 2_500;
/** Trouble that a holder bears before it offers the role, and before it takes it again. */
const PATIENCE_FIRST_MS = 2_000;
const PATIENCE_MAX_MS = 16_000;
const START_RETRY_MS = 250;
const START_RETRY_MAX_MS = 4_000;

interface ApplierOptions {
  readonly runtime: Runtime;
  readonly telemetry: Telemetry;
  readonly pingIntervalMs: number;
  readonly keyspaceOf: (key: string) => AnyKeyspace | undefined;
}

/**
 * Applies the streams of all regions to its own region's store and feeds the nodes. One per region
 * at a time; two at once do no harm.
 */
export class Applier {
  readonly #source: SourceOfTruth;
  readonly #bus: Bus;
  readonly #store: Store;
  readonly #options: ApplierOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(source: SourceOfTruth, bus: Bus, store: Store, options: ApplierOptions) {
    this.#source = source;
    this.#bus = bus;
    this.#store = store;
    this.#options = options;
  }

  start(): void {
    this.#running = this.#campaign();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #campaign(): Promise<void> {
    const { runtime, telemetry } = this.#options;
    const { signal } = this.#stopping;
    const holder = runtime.randomId();
    let term: ApplierTerm | null = null;
    let failures = 0;
    let patienceMs = PATIENCE_FIRST_MS;
    let troubledSinceMs: number | null = null;
    while (!signal.aborted) {
      if (!term?.isTroubled) troubledSinceMs = null;
      else troubledSinceMs ??= runtime.monoMs();
      if (troubledSinceMs !== null && runtime.monoMs() - troubledSinceMs >= patienceMs) {
        // Others may reach what this process can't. It works on until one of them has begun: nothing of
        // the streams is missed in between.
        await this.#store.resign(ROLE, holder).catch(() => {});
        patienceMs = Math.min(2 * patienceMs, PATIENCE_MAX_MS);
        troubledSinceMs = runtime.monoMs();
        await sleep(runtime, OFFER_MS, signal);
        if (signal.aborted) break;
      }
      // A store that is down can't say who holds the role: the holder goes on feeding its nodes. One that a
      // later release has taken over is for appliers of that release.
      const held = await this.#store
        .claim(ROLE, holder, CLAIM_TTL_MS)
        .catch((error: unknown) => term !== null && !(error instanceof StoreFormatError));
      if (held && !term) {
        term = new ApplierTerm(this.#source, this.#bus, this.#store, this.#options);
        try {
          await term.begin();
          failures = 0;
          telemetry.record({ type: 'role', role: ROLE, leading: true });
        } catch {
          await term.end();
          term = null;
          failures += 1;
        }
      } else if (held && term && !term.isTroubled) {
        patienceMs = PATIENCE_FIRST_MS;
      } else if (!held && term) {
        await term.end();
        term = null;
        telemetry.record({ type: 'role', role: ROLE, leading: false });
        if (troubledSinceMs !== null) await sleep(runtime, patienceMs, signal);
      }
      await sleep(
        runtime,
        failures > 0 ? backoffMs(runtime, failures, START_RETRY_MS, START_RETRY_MAX_MS) : CLAIM_EVERY_MS,
        signal,
      );
    }
    if (!term) return;
    await term.end();
    await this.#store.resign(ROLE, holder).catch(() => {}); // It expires by itself.
    telemetry.record({ type: 'role', role: ROLE, leading: false });
  }
}
