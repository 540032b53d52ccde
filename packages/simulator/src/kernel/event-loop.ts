import TinyQueue from 'tinyqueue';

/** Something that will happen at a virtual instant. */
export interface Scheduled {
  cancel(): void;
}

interface Entry {
  readonly atMs: number;
  readonly number: number;
  task: (() => void) | null;
}

/**
 * Virtual time: runs one event, lets every promise that it settled run to its end, then the next event.
 * Events of one instant run in the order in which they were scheduled.
 *
 * Only documented means drain the promises: a tick that is asked for in a microtask comes after all
 * microtasks. Nothing here waits for real time.
 */
export class EventLoop {
  nowMs = 0;
  /** Events that ran so far. */
  events = 0;
  readonly #queue = new TinyQueue<Entry>([], (a, b) => a.atMs - b.atMs || a.number - b.number);
  #number = 0;
  #untilMs = 0;
  #stop: (() => void) | null = null;
  #fail: ((error: unknown) => void) | null = null;

  at(atMs: number, task: () => void): Scheduled {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), number: this.#number++, task };
    this.#queue.push(entry);
    return {
      cancel: () => {
        entry.task = null;
      },
    };
  }

  after(ms: number, task: () => void): Scheduled {
    return this.at(this.nowMs + ms, task);
  }

  /** Events that wait, cancelled ones included. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs everything up to an instant, which is then the time. Rejects with what an event throws. */
  runUntil(untilMs: number): Promise<void> {
    this.#untilMs = untilMs;
    return new Promise((resolve, reject) => {
      this.#stop = resolve;
      this.#fail = reject;
      queueMicrotask(this.#afterMicrotasks);
    });
  }

  readonly #afterMicrotasks = (): void => process.nextTick(this.#step);

  readonly #step = (): void => {
    let entry = this.#queue.peek();
    while (entry && !entry.task) {
      this.#queue.pop();
      entry = this.#queue.peek();
    }
    if (!entry || entry.atMs > this.#untilMs) {
      this.nowMs = this.#untilMs;
      this.#stop?.();
      return;
    }
    this.#queue.pop();
    this.nowMs = entry.atMs;
    this.events += 1;
    try {
      entry.task!();
    } catch (error) {
      this.#fail?.(error);
      return;
    }
    queueMicrotask(this.#afterMicrotasks);
  };
}
