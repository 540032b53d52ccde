/** Does something again and again: never twice at once, and every `everyMs` while it is quicker than that. */
export class Repeated {
  readonly #everyMs: number;
  readonly #work: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `work` may reject: a look that failed is made again. */
  constructor(everyMs: number, work: () => Promise<void>) {
    this.#everyMs = everyMs;
    this.#work = work;
  }

  start(): void {
    if (this.#stopped) return;
    const beganMs = performance.now();
    void this.#work()
      .catch(() => {})
      .then(() => {
        if (this.#stopped) return;
        const leftMs = Math.max(0, this.#everyMs - (performance.now() - beganMs));
        this.#timer = setTimeout(() => this.start(), leftMs);
      });
  }

  /** What runs is not waited for: it may be waiting for a server that is away. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
