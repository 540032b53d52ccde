import type { Socket } from 'node:net';
import { DelayLine } from './delay-line.ts';

/** Bytes under way in one direction of a connection before its sender has to wait. */
const IN_FLIGHT_MAX = 4 * 2 ** 20;

/** What all pipes of a proxy share. */
export interface PipeControl {
  readonly delayMs: number;
  /** True while everything that comes or is under way gets lost. */
  readonly swallows: boolean;
  carried(bytes: number): void;
}

/** One direction of one connection. */
export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #control: PipeControl;
  /** Null is the end of the stream. */
  readonly #line = new DelayLine<Buffer | null>((item) => this.#deliver(item));
  #inFlight = 0;

  constructor(from: Socket, to: Socket, control: PipeControl) {
    this.#from = from;
    this.#to = to;
    this.#control = control;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.once('end', () => this.#line.push(null, control.delayMs));
    to.on('drain', () => this.#resume());
    to.once('close', () => this.#line.clear());
  }

  #take(chunk: Buffer): void {
    if (this.#control.swallows) return;
    this.#inFlight += chunk.length;
    this.#line.push(chunk, this.#control.delayMs);
    if (this.#inFlight >= IN_FLIGHT_MAX) this.#from.pause();
  }

  #deliver(item: Buffer | null): void {
    if (item !== null) this.#inFlight -= item.length;
    if (this.#control.swallows || !this.#to.writable) {
      this.#resume();
    } else if (item === null) {
      this.#to.end();
    } else {
      this.#control.carried(item.length);
      if (this.#to.write(item)) this.#resume();
      else this.#from.pause();
    }
  }

  #resume(): void {
    if (this.#inFlight < IN_FLIGHT_MAX && !this.#to.writableNeedDrain) this.#from.resume();
  }
}
