import { startConsole, verifyBeside } from '@tidemark/console';
import { jsonCodec, keyspaceOf } from '@tidemark/core';
import { openMesh } from '@tidemark/inspect';
import { cities } from './city.ts';
import type { Course } from './course.ts';
import type { Cuts } from './cuts.ts';
import { SOURCE } from './infrastructure.ts';

/** A server that is cut off does not answer: the console should not wait for it long. */
const ANSWER_MS = 1_000;

/** What the verifier compares contents by. */
const CONTENTS = {
  keyspaceOf: (key: string) => (keyspaceOf(key) === cities.name ? cities : undefined),
  codec: jsonCodec,
};

export interface ConsoleCourseOptions {
  /** Null: until `end`. */
  readonly durationMs: number | null;
  readonly allowActions: boolean;
}

/** The buttons of a console say what to cut and to heal, until somebody ends it; what is still cut then is healed. */
export class ConsoleCourse {
  readonly #options: ConsoleCourseOptions;
  readonly #ending = new AbortController();
  #running = false;

  constructor(options: ConsoleCourseOptions) {
    this.#options = options;
  }

  /** Ends the work, so that the report follows; false when there is none to end. */
  end(): boolean {
    if (!this.#running || this.#ending.signal.aborted) return false;
    this.#ending.abort();
    return true;
  }

  readonly course: Course = async (cuts, signal, files) => {
    const { durationMs, allowActions } = this.#options;
    if (!files) throw new Error('a console needs the servers of --services');
    const over = durationMs === null ? [] : [AbortSignal.timeout(durationMs)];
    const ended = AbortSignal.any([signal, this.#ending.signal, ...over]);
    const buttons = new Buttons(cuts);
    const mesh = await openMesh({ dir: files.dir, source: SOURCE, answerMs: ANSWER_MS });
    const verifier = verifyBeside(mesh, CONTENTS);
    try {
      const running = await startConsole({ mesh, allowActions, cuts: buttons, verifier });
      this.#running = true;
      cuts.say(`console: ${running.url}`);
      cuts.say('it cuts and heals by its buttons; Ctrl-C ends the work here, and the report follows');
      await new Promise<void>((resolve) => {
        if (ended.aborted) resolve();
        else ended.addEventListener('abort', () => resolve(), { once: true });
      });
      await running.close();
    } finally {
      await verifier.stop();
      await mesh.close();
    }
    signal.throwIfAborted();
    await buttons.healAll();
  };
}

/** What the console's buttons do. */
class Buttons {
  readonly #cuts: Cuts;
  readonly #healing = new Map<string, Promise<void>>();

  constructor(cuts: Cuts) {
    this.#cuts = cuts;
  }

  get cut(): readonly string[] {
    return this.#cuts.open;
  }

  /** A region that is healed again catches up first, so that the report can say how long that took. */
  async setCut(region: string, cut: boolean): Promise<void> {
    if (cut) {
      await this.#healing.get(region);
      this.#cuts.cut(region);
    } else this.#heal(region);
  }

  async healAll(): Promise<void> {
    for (const region of this.#cuts.open) this.#heal(region);
    await Promise.all(this.#healing.values());
  }

  #heal(region: string): void {
    if (!this.#cuts.open.includes(region)) return;
    const healing = this.#cuts.heal(region);
    // Whoever waits for it at the end hears of its failure.
    healing.catch(() => {});
    this.#healing.set(region, healing);
  }
}
