/** Pings remembered while they are under way. */
const OUTSTANDING_MAX = 64;

/**
 * An asker's numbered pings and when, on its own monotonic clock, each was sent. An echo thus
 * becomes a closed time without comparing two machines' clocks.
 */
export class PingLog<Note = undefined> {
  #last = 0;
  readonly #sent = new Map<number, { atMs: number; note: Note }>();

  /** Numbers a new ping; `note` comes back with its echo. */
  send(atMs: number, note: Note): number {
    this.#last += 1;
    this.#sent.set(this.#last, { atMs, note });
    if (this.#sent.size > OUTSTANDING_MAX) this.#sent.delete(this.#sent.keys().next().value!);
    return this.#last;
  }

  /** When the ping was sent; forgets it and all before it. Null when unknown or answered before. */
  echo(ping: number): { readonly atMs: number; readonly note: Note } | null {
    const found = this.#sent.get(ping) ?? null;
    if (!found) return null;
    for (const number of this.#sent.keys()) {
      if (number > ping) break;
      this.#sent.delete(number);
    }
    return found;
  }
}
