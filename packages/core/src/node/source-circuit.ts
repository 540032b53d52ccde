import {
  CircuitOpenError,
  LoadTimeoutError,
  SourceUnavailableError,
  TidemarkError,
} from '../ports/errors.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { ResolvedOptions } from './options.ts';

/** One keyspace's way to the source. */
interface Circuit {
  readonly breaker: CircuitBreaker;
  lastError: unknown;
}

/**
 * Keeps a source that fails from being asked in vain, keyspace by keyspace: a loader with a mistake in it must
 * not stop the others.
 */
export class SourceCircuit {
  readonly #options: ResolvedOptions<unknown, unknown>;
  // As many as the node has keyspaces.
  readonly #circuits = new Map<string, Circuit>();

  constructor(options: ResolvedOptions<unknown, unknown>) {
    this.#options = options;
  }

  /** @throws CircuitOpenError while there is no use in waiting for a turn */
  assertMayBegin(keyspace: string): void {
    const { breaker, lastError } = this.#of(keyspace);
    if (breaker.refuses(this.#options.runtime.monoMs())) throw new CircuitOpenError(keyspace, lastError);
  }

  /** @throws CircuitOpenError, and whatever the load throws */
  async run<T>(keyspace: string, load: () => Promise<T>): Promise<T> {
    const { runtime } = this.#options;
    const circuit = this.#of(keyspace);
    const { breaker } = circuit;
    const wasClosed = breaker.isClosed;
    if (!breaker.allows(runtime.monoMs())) throw new CircuitOpenError(keyspace, circuit.lastError);
    try {
      const loaded = await load();
      breaker.succeeded();
      if (!wasClosed) this.#tell(keyspace, false);
      return loaded;
    } catch (error) {
      if (isOfSource(error)) {
        circuit.lastError = error;
        if (breaker.failed(runtime.monoMs())) this.#tell(keyspace, true);
      } else if (!wasClosed) {
        // The source answered, whatever is wrong with the answer.
        breaker.succeeded();
      }
      throw error;
    }
  }

  #tell(name: string, open: boolean): void {
    this.#options.telemetry.record({ type: 'breaker', of: 'source', name, open });
  }

  #of(keyspace: string): Circuit {
    const known = this.#circuits.get(keyspace);
    if (known) return known;
    const made = { breaker: new CircuitBreaker(this.#options.sourceBreaker), lastError: undefined };
    this.#circuits.set(keyspace, made);
    return made;
  }
}

/** Whether a load failed because of the source, or of the caller's code that asks it. */
function isOfSource(error: unknown): boolean {
  if (error instanceof LoadTimeoutError || error instanceof SourceUnavailableError) return true;
  return !(error instanceof TidemarkError);
}
