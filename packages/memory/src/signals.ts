import type { BusMessage, Channel } from '@tidemark/core';

export type SignalListener = (message: BusMessage) => void;

/** One region's channels: who listens now hears, nothing is kept. */
export class Signals {
  readonly #listeners = new Map<Channel, Set<SignalListener>>();

  listen(channel: Channel, listener: SignalListener): () => void {
    let listeners = this.#listeners.get(channel);
    if (!listeners) this.#listeners.set(channel, (listeners = new Set()));
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  send(channel: Channel, message: BusMessage): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }
}
