import { ConfigurationError } from '../ports/errors.ts';
import type { BusMessage, Subscription } from '../ports/bus.ts';
import type { Runtime } from '../ports/runtime.ts';
import {
  ANSWER_HOT_KEYS_MAX,
  type NodeAnswer,
  type NodeQuestion,
  QUESTION_KEYS_MAX,
} from '../protocol/question.ts';
import { isKey } from '../protocol/key.ts';
import { isOrdinal } from '../protocol/version.ts';
import { decodeMessage, encodeMessage } from '../protocol/wire.ts';
import type { FeedBus } from './feed-follower.ts';

/** Nodes of a region whose answers are kept. */
export const ANSWERING_NODES_MAX = 1_000;
/** Questions that wait for answers at a time. */
const WAITING_MAX = 1_000;

export interface AskOptions {
  /** How long answers are waited for, ms. */
  readonly waitMs: number;
  /** Does not wait longer once so many nodes answered. Default: waits for all that come. */
  readonly expected?: number;
}

interface Waiting {
  readonly answers: Map<string, NodeAnswer>;
  readonly expected: number;
  readonly done: () => void;
}

/** Asks the nodes of a region. How many there are nobody knows; who does not answer in time is left out. */
export class NodeAsker {
  readonly #bus: FeedBus;
  readonly #runtime: Runtime;
  readonly #waiting = new Map<string, Waiting>();
  #listening: Promise<Subscription> | null = null;

  constructor(bus: FeedBus, runtime: Runtime) {
    this.#bus = bus;
    this.#runtime = runtime;
  }

  /** @throws ConfigurationError for a question that no node takes, or when too many wait already */
  async ask(question: NodeQuestion, { waitMs, expected }: AskOptions): Promise<NodeAnswer[]> {
    assertQuestion(question);
    if (this.#waiting.size >= WAITING_MAX) {
      throw new ConfigurationError(
        `${WAITING_MAX} questions wait for answers already; wait for some of them`,
      );
    }
    this.#listening ??= this.#bus.listen(this.#bus.region, 'tell', (message) => this.#hear(message));
    await this.#listening;
    const id = this.#runtime.randomId();
    const answers = new Map<string, NodeAnswer>();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#waiting.delete(id);
        resolve();
      };
      const timer = this.#runtime.timer(waitMs, done);
      const wanted = Math.min(expected ?? ANSWERING_NODES_MAX, ANSWERING_NODES_MAX);
      this.#waiting.set(id, { answers, expected: wanted, done });
      this.#bus.send('ask', { data: encodeMessage({ kind: 'ask', id, question }) });
    });
    return [...answers.values()];
  }

  /** Ends all waiting with what there is. */
  async stop(): Promise<void> {
    for (const { done } of this.#waiting.values()) done();
    await (await this.#listening)?.stop();
  }

  #hear({ data }: BusMessage): void {
    // Others' answers go by here too.
    const decoded = this.#waiting.size > 0 ? decodeMessage(data) : null;
    if (!decoded?.ok || decoded.message.kind !== 'tell') return;
    const { id, answer } = decoded.message;
    const waiting = this.#waiting.get(id);
    if (!waiting || answer.region !== this.#bus.region) return;
    waiting.answers.set(answer.node, answer);
    if (waiting.answers.size >= waiting.expected) waiting.done();
  }
}

function assertQuestion({ keys = [], hotKeys = 0 }: NodeQuestion): void {
  if (keys.length > QUESTION_KEYS_MAX || !keys.every(isKey)) {
    throw new ConfigurationError(`a question has at most ${QUESTION_KEYS_MAX} encoded keys`);
  }
  if (!isOrdinal(hotKeys) || hotKeys > ANSWER_HOT_KEYS_MAX) {
    throw new ConfigurationError(`hotKeys must be a whole number from 0 to ${ANSWER_HOT_KEYS_MAX}`);
  }
}
