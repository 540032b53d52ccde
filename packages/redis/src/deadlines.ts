export interface DeadlineOptions {
  /** After this a command counts as failed, ms. */
  readonly commandTimeoutMs: number;
  /** After this without any answer, while one is due, the connection counts as dead, ms. */
  readonly silenceMaxMs: number;
  /** Called once for each silence. */
  readonly onSilence: () => void;
}

/** A command's time is over, and nothing came. */
export class NoAnswerError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

interface Waiting {
  readonly dueMs: number;
  readonly reject: (error: Error) => void;
  before: Waiting | null;
  after: Waiting | null;
}

/**
 * Bounds how long commands of one connection may take. One timer for all of them: all have the same time, so the
 * oldest is the next to be late. The client's own timeouts set and clear two timers for each command, a tenth of
 * what a read costs.
 */
export class Deadlines {
  readonly #options: DeadlineOptions;
  #oldest: Waiting | null = null;
  #newest: Waiting | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reading: NodeJS.Immediate | null = null;
  /** When the timer fires. */
  #timerMs = Infinity;
  /** When an answer became due, and none came since. */
  #silentFromMs: number | null = null;

  constructor(options: DeadlineOptions) {
    this.#options = options;
  }

  /** What the command comes to, in time; `coded` makes an error of whatever goes wrong. */
  run<T>(command: Promise<T>, coded: (cause: unknown) => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = this.#add((error) => reject(coded(error)));
      command.then(
        (answer) => {
          this.#answered(waiting);
          resolve(answer);
        },
        (cause: unknown) => {
          this.#answered(waiting);
          reject(coded(cause));
        },
      );
    });
  }

  /** Whoever waits still waits for the connection's end, which rejects all commands. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#reading) clearImmediate(this.#reading);
  }

  #add(reject: (error: Error) => void): Waiting {
    const nowMs = performance.now();
    const { commandTimeoutMs } = this.#options;
    const before = this.#newest;
    const dueMs = nowMs + commandTimeoutMs;
    const waiting: Waiting = { dueMs, reject, before, after: null };
    if (before) before.after = waiting;
    else this.#oldest = waiting;
    this.#newest = waiting;
    this.#silentFromMs ??= nowMs;
    // It may be set for the end of a silence only.
    if (dueMs < this.#timerMs) this.#setTimer(dueMs, nowMs);
    return waiting;
  }

  /** A refusal is an answer too, and so is one that comes too late. */
  #answered(waiting: Waiting): void {
    this.#silentFromMs = null;
    this.#remove(waiting);
  }

  /** Does nothing the second time. */
  #remove(waiting: Waiting): void {
    const { before, after } = waiting;
    if (before) before.after = after;
    else if (this.#oldest === waiting) this.#oldest = after;
    if (after) after.before = before;
    else if (this.#newest === waiting) this.#newest = before;
    waiting.before = null;
    waiting.after = null;
  }

  /** Answers that came while this process was busy are read first: it was late, not they. */
  readonly #due = (): void => {
    this.#timer = null;
    this.#reading = setImmediate(this.#check);
  };

  readonly #check = (): void => {
    const { commandTimeoutMs, silenceMaxMs, onSilence } = this.#options;
    // Timers may fire a little early.
    const nowMs = Math.ceil(performance.now());
    if (this.#oldest) this.#silentFromMs ??= this.#oldest.dueMs - commandTimeoutMs;
    for (let late = this.#oldest; late && late.dueMs <= nowMs; late = this.#oldest) {
      this.#remove(late);
      late.reject(new NoAnswerError(commandTimeoutMs));
    }
    if (this.#silentFromMs !== null && nowMs - this.#silentFromMs >= silenceMaxMs) {
      this.#silentFromMs = null;
      onSilence();
    }
    this.#setTimer(Math.min(this.#oldest?.dueMs ?? Infinity, this.#silentEndMs), nowMs);
  };

  #setTimer(atMs: number, nowMs: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = atMs === Infinity ? null : setTimeout(this.#due, Math.max(1, atMs - nowMs));
    this.#timerMs = atMs;
  }

  get #silentEndMs(): number {
    return this.#silentFromMs === null ? Infinity : this.#silentFromMs + this.#options.silenceMaxMs;
  }
}
