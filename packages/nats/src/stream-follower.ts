import { randomUUID } from 'node:crypto';
import type { StreamHandler, Subscription } from '@tidemark/core';
import {
  AckPolicy,
  type ConsumerMessages,
  ConsumerEvents,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  nanos,
  ReplayPolicy,
  type StreamInfo,
} from 'nats';
import { delay, type Link } from './link.ts';
import { toBusMessage } from './messages.ts';

const REQUEST_TIMEOUT_MS = 2_000;
/**
 * A request that expires is renewed one round trip later, and a message of that moment waits for it: at 3 s and 80 ms
 * that was every fortieth. Nothing needs it short: missed heartbeats and reconnects end a consumer.
 */
const EXPIRES_MS = 300_000;
const HEARTBEAT_MS = 500;
const MISSED_MAX = 4;
const INACTIVE_MS = 30_000;
/** Messages asked for at a time: at 200 ms round trip still 20,000 messages/s. */
const PULL_MAX = 4_000;
const RETRY_MS = 150;

interface Cursor {
  /** Life of the stream: a recreated stream starts its numbers anew. */
  readonly incarnation: string;
  /** Sequence of the last message handled. */
  readonly seq: number;
}

/**
 * Follows a stream from its own cursor with short-lived, unacknowledged pull consumers: after every
 * reconnect or doubt a new consumer begins where the last message was handled.
 */
export class StreamFollower implements Subscription {
  readonly #link: Link;
  readonly #stream: string;
  readonly #handler: StreamHandler;
  readonly #description: string;
  readonly #stopUp: () => void;
  #cursor: Cursor | null = null;
  #messages: ConsumerMessages | null = null;
  #stopped = false;
  #late = false;
  #attached: (() => void) | null = null;
  #retry: ReturnType<typeof delay> | null = null;
  readonly #running: Promise<void>;
  readonly #firstConsumer: Promise<void>;

  /** @param description what operators see of its consumers, see `followerDescription` */
  constructor(link: Link, stream: string, handler: StreamHandler, description: string) {
    this.#link = link;
    this.#stream = stream;
    this.#handler = handler;
    this.#description = description;
    this.#firstConsumer = new Promise((resolve) => (this.#attached = resolve));
    // A consumer does not survive a reconnect reliably: end it, and a new one is made.
    this.#stopUp = link.onUp(() => {
      this.#messages?.stop();
      this.#retry?.cancel();
    });
    this.#running = this.#run();
  }

  /** Resolves when messages from now on will be seen, or after `ms`: what comes until then may be missed. */
  async settled(ms: number): Promise<void> {
    const limit = delay(ms);
    await Promise.race([this.#firstConsumer, limit.promise.then(() => (this.#late = this.#cursor === null))]);
    limit.cancel();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopUp();
    this.#messages?.stop();
    this.#retry?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const connection = this.#link.up;
      if (connection) {
        try {
          await this.#follow(connection);
        } catch {
          // Away, or its stream is not there yet: try again.
        }
      }
      if (this.#stopped) return;
      this.#retry = delay(RETRY_MS);
      await this.#retry.promise;
    }
  }

  /** One consumer's life. Returns or rejects when another one is needed. */
  async #follow(connection: NatsConnection): Promise<void> {
    const manager = await connection.jetstreamManager({ timeout: REQUEST_TIMEOUT_MS, checkAPI: false });
    const info = await manager.streams.info(this.#stream);
    this.#settleCursor(info);
    const name = await this.#addConsumer(manager);
    const consumer = await connection
      .jetstream({ timeout: REQUEST_TIMEOUT_MS })
      .consumers.get(this.#stream, name);
    const messages = await consumer.consume({
      bind: true,
      max_messages: PULL_MAX,
      expires: EXPIRES_MS,
      idle_heartbeat: HEARTBEAT_MS,
    });
    this.#messages = messages;
    if (this.#stopped) messages.stop();
    void watchHealth(messages);
    this.#attached?.();
    this.#attached = null;
    try {
      for await (const message of messages) {
        if (this.#stopped || !(await this.#handle(message))) break;
      }
    } finally {
      messages.stop();
      this.#messages = null;
    }
  }

  /** Where to begin, and whether something may have been missed. */
  #settleCursor({ created, config, state }: StreamInfo): void {
    const incarnation = `${created} ${config.description ?? ''}`;
    const cursor = this.#cursor;
    const first = state.first_seq;
    if (!cursor) {
      this.#cursor = { incarnation, seq: state.last_seq };
      if (this.#late) this.#doubt('followed late: what came before was not seen');
    } else if (cursor.incarnation !== incarnation) {
      this.#cursor = { incarnation, seq: Math.max(0, first - 1) };
      this.#doubt('the stream was created anew');
    } else if (state.last_seq < cursor.seq) {
      this.#cursor = { incarnation, seq: Math.max(0, first - 1) };
      this.#doubt('the stream went back');
    } else if (first > cursor.seq + 1) {
      this.#cursor = { incarnation, seq: first - 1 };
      this.#doubt('overrun: the stream dropped messages before they were read');
    }
  }

  async #addConsumer(manager: JetStreamManager): Promise<string> {
    const name = `tm-${randomUUID()}`;
    await manager.consumers.add(this.#stream, {
      name,
      description: this.#description,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#cursor!.seq + 1,
      replay_policy: ReplayPolicy.Instant,
      inactive_threshold: nanos(INACTIVE_MS),
      mem_storage: true,
      num_replicas: 1,
    });
    return name;
  }

  /** False when a message is missing before this one. */
  async #handle(message: JsMsg): Promise<boolean> {
    const cursor = this.#cursor!;
    if (message.seq <= cursor.seq) return true;
    if (message.seq > cursor.seq + 1) return false;
    this.#cursor = { ...cursor, seq: message.seq };
    try {
      await this.#handler.onMessage(toBusMessage(message.data, message.headers));
    } catch (error) {
      this.#doubt(`a message was not handled: ${String(error)}`);
    }
    return true;
  }

  #doubt(reason: string): void {
    this.#handler.onDiscontinuity(reason);
  }
}

/** Ends the consumer when the server stopped serving it; the iterator would wait for ever. */
async function watchHealth(messages: ConsumerMessages): Promise<void> {
  for await (const { type, data } of await messages.status()) {
    const dead =
      type === ConsumerEvents.ConsumerDeleted ||
      type === ConsumerEvents.ConsumerNotFound ||
      type === ConsumerEvents.StreamNotFound ||
      (type === ConsumerEvents.HeartbeatsMissed && Number(data) >= MISSED_MAX);
    if (dead) messages.stop();
  }
}
