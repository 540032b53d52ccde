import { isKey, isVersion, type Position, type Version } from '@tidemark/core';
import { type Mesh, type MeshWatch, watchMesh } from '@tidemark/inspect';

const LOOK_EVERY_MS = 1_000;
const PAGE = 1_000;
/** Pages of one look at the changelog; the next one goes on where this one was. */
const PAGES_MAX = 20;

/** Where invalidations go as they are seen. */
export type Sink = (key: string, version: Version) => void;

/**
 * Hears of invalidations as a cache does, over the streams; and reads the changelog from a horizon of its own, so that
 * one whose message was lost is checked all the same.
 */
export class Intake {
  readonly #mesh: Mesh;
  readonly #sink: Sink;
  #watch: MeshWatch | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  /** All that committed before it was seen; null before the first look. */
  horizon: Position | null = null;
  /** Whether the last look at the changelog found the source. */
  sourceThere = false;

  constructor(mesh: Mesh, sink: Sink) {
    this.#mesh = mesh;
    this.#sink = sink;
  }

  /** Resolves once the streams that can be reached are followed, and the changelog was read once if it is there. */
  async start(): Promise<void> {
    this.#watch = await watchMesh(this.#mesh, (event) => {
      if ('key' in event) this.#sink(event.key, event.version);
    });
    await this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#watch?.stop();
    await this.#looking;
  }

  #look(): Promise<void> {
    this.#looking = this.#read()
      .then(
        () => void (this.sourceThere = true),
        () => void (this.sourceThere = false), // It goes on from the same horizon when it is back.
      )
      .finally(() => {
        if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), LOOK_EVERY_MS);
      });
    return this.#looking;
  }

  async #read(): Promise<void> {
    let first: Position | null = null;
    let after: Position | undefined;
    for (let pages = 0; pages < PAGES_MAX && !this.#stopped; pages += 1) {
      const { answer } = await this.#mesh.truth(({ source }) =>
        source.changes(this.horizon, { limit: PAGE, ...(after && { after }) }),
      );
      // The changelog may hold what no store can apply: dead letters are the doctor's.
      for (const { key, version } of answer.changes)
        if (isKey(key) && isVersion(version)) this.#sink(key, version);
      first ??= answer.horizon;
      after = answer.next;
      if (!after) {
        this.horizon = first;
        return;
      }
    }
  }
}
