import { closeSync, openSync, writeSync } from 'node:fs';
import type { HistoryLine } from '@tidemark/checkers';

/**
 * Writes one process' part of the history. Each line is handed to the kernel before the call returns,
 * so that a process that is killed loses none.
 */
export class Recorder {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(line: HistoryLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
