import type { BusMessage, Channel } from '@tidemark/core';
import type { Server } from '../kernel/network.ts';

/** Who follows or listens, at the broker. */
export interface Listener {
  readonly region: string;
  hear(message: BusMessage): void;
}

/** A region's NATS: one stream of bounded length, and channels that keep nothing. */
export class Broker implements Server {
  readonly name: string;
  readonly region: string;
  state: Server['state'] = 'up';
  /** Changes whenever the stream is made anew. */
  generation = 0;
  readonly #messagesMax: number;
  readonly #listeners = new Map<Channel, Set<Listener>>();
  readonly #appended = new Set<() => void>();
  #messages: BusMessage[] = [];
  #first = 1;

  constructor(region: string, messagesMax: number) {
    this.name = `broker:${region}`;
    this.region = region;
    this.#messagesMax = messagesMax;
  }

  /** Number of the oldest message that is kept. */
  get first(): number {
    return this.#first;
  }

  /** Number of the next message. */
  get end(): number {
    return this.#first + this.#messages.length;
  }

  at(number: number): BusMessage | undefined {
    return this.#messages[number - this.#first];
  }

  append(message: BusMessage): void {
    this.#messages.push(message);
    if (this.#messages.length > this.#messagesMax) {
      this.#messages.shift();
      this.#first += 1;
    }
    for (const told of this.#appended) told();
  }

  onAppend(told: () => void): () => void {
    this.#appended.add(told);
    return () => this.#appended.delete(told);
  }

  /** The retention ends for all that is there. */
  purge(): void {
    this.#first = this.end;
    this.#messages = [];
  }

  /** The stream is deleted and made anew: numbers begin at 1. */
  reset(): void {
    this.generation += 1;
    this.#messages = [];
    this.#first = 1;
    for (const told of this.#appended) told();
  }

  listeners(channel: Channel): ReadonlySet<Listener> {
    return this.#listeners.get(channel) ?? new Set();
  }

  listen(channel: Channel, listener: Listener): () => void {
    let listeners = this.#listeners.get(channel);
    if (!listeners) this.#listeners.set(channel, (listeners = new Set()));
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
}
