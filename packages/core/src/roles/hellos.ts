import { decodeMessage, ECHOES_MAX } from '../protocol/wire.ts';

/** The newest ping of each node that waits for a proof, by node life. */
export type Hellos = ReadonlyMap<string, number>;

/** Pings of a region's nodes. No more nodes are kept than a proof can answer: who is left out pings again. */
export class HelloBook {
  readonly #newest = new Map<string, number>();

  /** @param data of a message on the channel `hello`; whatever is no ping is left aside */
  note(data: string): void {
    const decoded = decodeMessage(data);
    if (!decoded.ok || decoded.message.kind !== 'ping') return;
    const { life, ping } = decoded.message;
    if (this.#newest.size >= ECHOES_MAX && !this.#newest.has(life)) return;
    this.#newest.set(life, ping);
  }

  waiting(): Hellos {
    return new Map(this.#newest);
  }

  /** These were answered; a node that has pinged again since then still waits. */
  answered(hellos: Hellos): void {
    for (const [life, ping] of hellos) {
      if (this.#newest.get(life) === ping) this.#newest.delete(life);
    }
  }
}
