import type { NodeAnswer } from '@tidemark/core';
import { askNodes, keyTimeline, type Mesh } from '@tidemark/inspect';
import { MENDS, type Suspicion, type VerifierFinding } from './finding.ts';
import { mergeTimeline } from './timeline.ts';

/** Findings whose history is still being gathered; those on top are told without. */
const WAITING_MAX = 100;
/** Findings whose histories are gathered at once: nodes are waited for once, and answer few questions a second. */
const TOGETHER_MAX = 8;
const SINCE_MS = 600_000;
const MESSAGES_MAX = 20_000;
const NODES_WAIT_MS = 600;

/** Tells findings in their order, each with its key's history in all regions. */
export class Narrator {
  readonly #mesh: Mesh;
  readonly #onFinding: (finding: VerifierFinding) => void;
  readonly #waiting: VerifierFinding[] = [];
  #telling: Promise<void> | null = null;

  constructor(mesh: Mesh, onFinding: (finding: VerifierFinding) => void) {
    this.#mesh = mesh;
    this.#onFinding = onFinding;
  }

  tell(suspicion: Suspicion): void {
    const finding = { ...suspicion, atMs: Date.now(), mend: MENDS[suspicion.kind], timeline: [] };
    if (this.#waiting.length >= WAITING_MAX) {
      this.#onFinding(finding);
      return;
    }
    this.#waiting.push(finding);
    this.#telling ??= this.#tellAll();
  }

  /** Resolves when all is told. */
  async done(): Promise<void> {
    await this.#telling;
  }

  async #tellAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const some = this.#waiting.slice(0, TOGETHER_MAX);
        const timelines = await this.#timelines([...new Set(some.map(({ key }) => key))]);
        this.#waiting.splice(0, some.length);
        for (const finding of some) this.#onFinding({ ...finding, timeline: timelines.get(finding.key)! });
      }
    } finally {
      // In the step that saw nothing waiting: a finding between the two would wait for the next one.
      this.#telling = null;
    }
  }

  async #timelines(keys: readonly string[]): Promise<ReadonlyMap<string, VerifierFinding['timeline']>> {
    const options = { sinceMs: SINCE_MS, messagesMax: MESSAGES_MAX };
    const [answers, ...timelines] = await Promise.all([
      this.#askNodes(keys),
      ...keys.map((key) => keyTimeline(this.#mesh, key, options).catch(() => null)),
    ]);
    const nowMs = Date.now();
    return new Map(keys.map((key, i) => [key, mergeTimeline(timelines[i] ?? null, answers, key, nowMs)]));
  }

  async #askNodes(keys: readonly string[]): Promise<readonly NodeAnswer[]> {
    const answers = this.#mesh.regions.map(({ region }) =>
      askNodes(this.#mesh, region.id, { keys }, { waitMs: NODES_WAIT_MS }).catch(() => []),
    );
    return (await Promise.all(answers)).flat();
  }
}
