import { ConsoleError } from './console-error.ts';

/** Lets a few pieces of work run at once, and refuses more: each asks many servers. */
export class Slots {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws ConsoleError when all are taken */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#max)
      throw new ConsoleError('E_CONSOLE_BUSY', 503, 'too many questions at once; ask again in a second');
    this.#taken += 1;
    try {
      return await work();
    } finally {
      this.#taken -= 1;
    }
  }
}
