import { askNodes, keyTimeline, type Mesh } from '@tidemark/inspect';
import { MENDS, type Suspicion, type VerifierFinding } from './finding.ts';
import { mergeTimeline } from './timeline.ts';

/** Findings whose history is still being gathered; those on top are told without. */
const WAITING_MAX = 100;
const SINCE_MS = 600_000;
const MESSAGES_MAX = 20_000;
const NODES_WAIT_MS = 600;

/** Tells findings one after the other, each with its key's history in all regions. */
export class Narrator {
  readonly #mesh: Mesh;
  readonly #onFinding: (finding: VerifierFinding) => void;
  #telling: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(mesh: Mesh, onFinding: (finding: VerifierFinding) => void) {
    this.#mesh = mesh;
    this.#onFinding = onFinding;
  }

  tell(suspicion: Suspicion): void {
    const finding = { ...suspicion, atMs: Date.now(), mend: MENDS[suspicion.kind], timeline: [] };
    if (this.#waiting >= WAITING_MAX) {
      this.#onFinding(finding);
      return;
    }
    this.#waiting += 1;
    this.#telling = this.#telling.then(async () => {
      const timeline = await this.#timeline(suspicion.key);
      this.#waiting -= 1;
      this.#onFinding({ ...finding, timeline });
    });
  }

  /** Resolves when all is told. */
  async done(): Promise<void> {
    await this.#telling;
  }

  async #timeline(key: string): Promise<VerifierFinding['timeline']> {
    const options = { sinceMs: SINCE_MS, messagesMax: MESSAGES_MAX };
    const [timeline, ...answers] = await Promise.all([
      keyTimeline(this.#mesh, key, options).catch(() => null),
      ...this.#mesh.regions.map(({ region }) =>
        askNodes(this.#mesh, region.id, { keys: [key] }, { waitMs: NODES_WAIT_MS }).catch(() => []),
      ),
    ]);
    return mergeTimeline(timeline, answers.flat(), key, Date.now());
  }
}
