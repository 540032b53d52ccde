import { records, type Telemetry } from '../ports/telemetry.ts';
import type { L2Answer } from './l2-question.ts';
import type { AnyKeyspace } from './options.ts';
import type { ServedResult } from './read-result.ts';

/** What is told of reads that L1 did not answer. */
export class ReadTelemetry {
  readonly #telemetry: Telemetry;
  readonly #records: boolean;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#records = records(telemetry);
  }

  /** Whether reads that begin now are worth a span. */
  get traced(): boolean {
    return this.#telemetry.traced?.() ?? false;
  }

  trace({ name }: AnyKeyspace, key: string, read: () => Promise<ServedResult>): Promise<ServedResult> {
    const about = { 'tidemark.keyspace': name, 'tidemark.key': key };
    return this.#telemetry.trace('tidemark.read', about, undefined, async (span) => {
      const result = await read();
      span.set({ 'tidemark.tier': result.tier, 'tidemark.why': result.why });
      return result;
    });
  }

  answered({ name: keyspace }: AnyKeyspace, tier: ServedResult['tier'], why: ServedResult['why']): void {
    if (this.#records) this.#telemetry.record({ type: 'read', keyspace, tier, why });
  }

  hit(keyspace: AnyKeyspace, why: ServedResult['why'], { nowMs, record }: L2Answer): void {
    if (!this.#records) return;
    const ms = Math.max(0, nowMs - (record?.value?.filledAtMs ?? nowMs));
    this.#telemetry.record({ type: 'age', keyspace: keyspace.name, ms });
    this.answered(keyspace, 'l2', why);
  }
}
