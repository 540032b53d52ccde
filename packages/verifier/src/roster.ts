import type { NodeAnswer } from '@tidemark/core';

/** A node that was silent for so long is gone, ms. */
const GONE_MS = 10_000;
const NODES_MAX = 1_000;

/** The nodes of a region, as far as they answered lately: only so it is known that one did not. */
export class Roster {
  readonly #heard = new Map<string, number>();

  heard(answers: readonly NodeAnswer[], nowMs: number): void {
    for (const { node } of answers) {
      if (this.#heard.has(node) || this.#heard.size < NODES_MAX) this.#heard.set(node, nowMs);
    }
    for (const [node, atMs] of this.#heard) if (nowMs - atMs > GONE_MS) this.#heard.delete(node);
  }

  get size(): number {
    return this.#heard.size;
  }

  /** How many that are there did not answer. */
  silent(answers: readonly NodeAnswer[]): number {
    const answered = new Set(answers.map(({ node }) => node));
    return [...this.#heard.keys()].filter((node) => !answered.has(node)).length;
  }
}
