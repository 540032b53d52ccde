import type { Bus, BusMessage, Subscription } from '../ports/bus.ts';
import type { KeyReads } from '../ports/popularity.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { NodeAnswer, NodeQuestion } from '../protocol/question.ts';
import { decodeMessage, encodeMessage } from '../protocol/wire.ts';
import { fitHotKeys } from '../protocol/wire-questions.ts';
import type { ReadPath } from './read-path.ts';
import type { NodeStats } from '../protocol/node-stats.ts';

/** Questions that a node answers within a second; the rest is dropped, and whoever asked asks again. */
const PER_SECOND_MAX = 20;

/** What a node can say of itself. */
export interface SelfKnowledge {
  stats(): NodeStats;
  hotKeys(limit: number): readonly KeyReads[];
}

/**
 * Answers questions from outside about what this node holds: facts and never values, a bounded number of them a
 * second. Asking changes nothing, and counts as no read.
 */
export class Answerer {
  readonly #bus: Bus;
  readonly #runtime: Runtime;
  readonly #reads: ReadPath;
  readonly #self: SelfKnowledge;
  /** Drawn when it is first needed. */
  #id: string | null;
  #subscription: Subscription | null = null;
  #secondBeganMs = Number.NEGATIVE_INFINITY;
  #answered = 0;

  constructor(
    bus: Bus,
    { runtime, id }: { readonly runtime: Runtime; readonly id: string | null },
    reads: ReadPath,
    self: SelfKnowledge,
  ) {
    this.#bus = bus;
    this.#runtime = runtime;
    this.#id = id;
    this.#reads = reads;
    this.#self = self;
  }

  async start(): Promise<void> {
    this.#subscription = await this.#bus.listen(this.#bus.region, 'ask', (message) => this.#receive(message));
  }

  async stop(): Promise<void> {
    await this.#subscription?.stop();
  }

  #receive({ data }: BusMessage): void {
    if (!this.#mayAnswer()) return;
    const decoded = decodeMessage(data);
    if (!decoded.ok || decoded.message.kind !== 'ask') return; // Nobody waits for an answer to that.
    const { id, question } = decoded.message;
    this.#bus.send('tell', { data: encodeMessage({ kind: 'tell', id, answer: this.#answer(question) }) });
  }

  #answer({ keys = [], hotKeys = 0 }: NodeQuestion): NodeAnswer {
    return {
      region: this.#bus.region,
      node: (this.#id ??= this.#runtime.randomId()),
      stats: this.#self.stats(),
      hotKeys: hotKeys > 0 ? fitHotKeys(this.#self.hotKeys(hotKeys)) : [],
      entries: keys.map((key) => this.#reads.l1Reader.facts(key)),
      moments: keys.length > 0 ? this.#reads.trace.of(new Set(keys)) : [],
    };
  }

  #mayAnswer(): boolean {
    const nowMs = this.#runtime.monoMs();
    if (nowMs - this.#secondBeganMs >= 1_000) {
      this.#secondBeganMs = nowMs;
      this.#answered = 0;
    }
    this.#answered += 1;
    return this.#answered <= PER_SECOND_MAX;
  }
}
