import { formatVersion } from '@tidemark/core';
import type { MeshEvent } from '@tidemark/inspect';
import type { FlowEvent } from './api.ts';
import { Ring } from './ring.ts';

/** What a page is shown of the past. */
const KEPT_MAX = 200;
/** Of one tick; of a burst the last ones are shown, and all are counted. */
const TICK_MAX = 50;

/** Takes what goes over the streams, counts it, and keeps the last of it. */
export class Flow {
  readonly #kept = new Ring<FlowEvent>(KEPT_MAX);
  #fresh: FlowEvent[] = [];
  #changes = new Map<string, number>();
  #id = 0;

  add(event: MeshEvent): void {
    if (event.type === 'barrier') return;
    const shown = shownOf(event, (this.#id += 1));
    if (shown.key !== null) this.#changes.set(event.region, (this.#changes.get(event.region) ?? 0) + 1);
    this.#kept.add(shown);
    this.#fresh.push(shown);
    if (this.#fresh.length > 2 * TICK_MAX) this.#fresh = this.#fresh.slice(-TICK_MAX);
  }

  get kept(): readonly FlowEvent[] {
    return this.#kept.all();
  }

  /** What came since the last call. */
  take(): { readonly fresh: readonly FlowEvent[]; readonly changes: ReadonlyMap<string, number> } {
    const taken = { fresh: this.#fresh.slice(-TICK_MAX), changes: this.#changes };
    this.#fresh = [];
    this.#changes = new Map();
    return taken;
  }
}

function shownOf(event: Exclude<MeshEvent, { readonly type: 'barrier' }>, id: number): FlowEvent {
  const { type, region, atMs } = event;
  if ('reason' in event)
    return { id, type, region, atMs, key: null, version: null, reason: event.reason, traceId: null };
  const { key, version, trace } = event;
  return {
    id,
    type,
    region,
    atMs,
    key,
    version: formatVersion(version),
    reason: null,
    traceId: trace?.traceId ?? null,
  };
}
