import type { Carrier, SpanOrigin } from '../ports/telemetry.ts';

/** Of the traces that meet in a batch, so many are linked. */
const LINKS_MAX = 16;

/** The traces of a batch: it shows in that of its first writer, and links to the others. */
export class Carriers {
  readonly #writers = new Map<string, Carrier>();
  readonly #relays = new Map<string, Carrier>();

  /** Of who made the change. */
  add(carrier: Carrier | undefined): void {
    put(this.#writers, carrier);
  }

  /** Of who repeats it from the changelog. */
  addRelay(carrier: Carrier | undefined): void {
    put(this.#relays, carrier);
  }

  /** Whether anything is known of who made the changes. */
  get knowsWriter(): boolean {
    return this.#writers.size > 0;
  }

  origin(): SpanOrigin {
    const [parent, ...links] = [...this.#writers.values(), ...this.#relays.values()];
    return { parent, links: links.slice(0, LINKS_MAX) };
  }
}

function put(carriers: Map<string, Carrier>, carrier: Carrier | undefined): void {
  const id = carrier?.['traceparent'];
  if (carrier && id !== undefined && carriers.size <= LINKS_MAX) carriers.set(id, carrier);
}
