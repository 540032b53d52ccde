import {
  type KeyReads,
  type NodeReads,
  type Popularity,
  REPORT_KEYS_MAX,
  REPORT_LIFE_MS,
  REPORTS_MAX,
} from '@tidemark/core';

interface Report {
  readonly atMs: number;
  readonly keys: readonly KeyReads[];
}

/** What nodes read most, as they reported it last. */
export class ReportMap implements Popularity {
  readonly #nowMs: () => number;
  /** The one that was silent for longest first. */
  readonly #reports = new Map<string, Report>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async report(node: string, keys: readonly KeyReads[]): Promise<void> {
    this.#reports.delete(node);
    this.#reports.set(node, { atMs: this.#nowMs(), keys: keys.slice(0, REPORT_KEYS_MAX) });
    if (this.#reports.size <= REPORTS_MAX) return;
    const [silent] = this.#reports.keys();
    this.#reports.delete(silent!);
  }

  async *reports(): AsyncGenerator<NodeReads> {
    const nowMs = this.#nowMs();
    for (const { atMs, keys } of [...this.#reports.values()].toReversed()) {
      const ageMs = nowMs - atMs;
      if (ageMs < REPORT_LIFE_MS) yield { ageMs, keys };
    }
  }

  clear(): void {
    this.#reports.clear();
  }
}
