import { createReadStream, createWriteStream, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { KeyList } from './key-list.ts';
import type { WarmState } from './progress.ts';
import { WarmupError } from './warmup-error.ts';

const FORMAT = 1;

interface SavedState {
  readonly format: number;
  /** What is warmed: region, source and namespace. */
  readonly of: string;
  readonly batch: number;
  readonly state: WarmState;
}

/** What a warm-up needs to go on after a crash: the list in one file, how far it got in another. */
export class WarmStateFile {
  readonly #path: string;
  readonly #of: string;
  readonly #batch: number;

  constructor(path: string, of: string, batch: number) {
    this.#path = path;
    this.#of = of;
    this.#batch = batch;
  }

  get path(): string {
    return this.#path;
  }

  async exists(): Promise<boolean> {
    return readFile(this.#path).then(
      () => true,
      () => false,
    );
  }

  /** The list comes first: a state without its list would be worth nothing. */
  async begin({ keys, reads }: KeyList, state: WarmState): Promise<void> {
    const lines = function* (): Generator<string> {
      for (const [i, key] of keys.entries())
        yield `${JSON.stringify(i < reads.length ? [key, reads[i]] : [key])}\n`;
    };
    await pipeline(Readable.from(lines()), createWriteStream(`${this.#path}.keys`));
    this.save(state);
  }

  /** In one step: a crash leaves the state of before or of after. */
  save(state: WarmState): void {
    const saved: SavedState = { format: FORMAT, of: this.#of, batch: this.#batch, state };
    writeFileSync(`${this.#path}.new`, JSON.stringify(saved));
    renameSync(`${this.#path}.new`, this.#path);
  }

  /** @throws WarmupError for files that are damaged, or of another warm-up */
  async resume(): Promise<{ readonly list: KeyList; readonly state: WarmState; readonly batch: number }> {
    const saved = await this.#read();
    if (saved.of !== this.#of) {
      throw new WarmupError(
        `${this.#path} is of a warm-up of ${saved.of}, not of ${this.#of}; use another --state`,
      );
    }
    const keys: string[] = [];
    const reads: number[] = [];
    try {
      for await (const line of createInterface({ input: createReadStream(`${this.#path}.keys`) })) {
        const [key, count] = JSON.parse(line) as [string, number?];
        keys.push(key);
        if (count !== undefined) reads.push(count);
      }
    } catch (cause) {
      throw new WarmupError(`${this.#path}.keys can't be read; begin anew without --resume`, { cause });
    }
    return { list: { keys, reads }, state: saved.state, batch: saved.batch };
  }

  remove(): void {
    for (const end of ['', '.keys', '.new']) rmSync(`${this.#path}${end}`, { force: true });
  }

  async #read(): Promise<SavedState> {
    let saved: Partial<SavedState>;
    try {
      saved = JSON.parse(await readFile(this.#path, 'utf8')) as Partial<SavedState>;
    } catch (cause) {
      throw new WarmupError(`there is nothing to resume at ${this.#path}; begin anew without --resume`, {
        cause,
      });
    }
    const { format, state, batch, of } = saved ?? {};
    const sound =
      Number.isInteger(state?.done) &&
      Array.isArray(state?.ahead) &&
      state?.counts !== undefined &&
      state?.life !== undefined;
    if (format !== FORMAT || !sound || !Number.isInteger(batch) || typeof of !== 'string') {
      throw new WarmupError(`${this.#path} is no state of this release; begin anew without --resume`);
    }
    return saved as SavedState;
  }
}
