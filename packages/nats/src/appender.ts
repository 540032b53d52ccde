import { randomUUID } from 'node:crypto';
import { type BusMessage, BusUnavailableError } from '@tidemark/core';
import { DiscardPolicy, ErrorCode, NatsError, nanos, RetentionPolicy, StorageType } from 'nats';
import type { NatsConnection } from 'nats';
import { fromBusMessage } from './messages.ts';
import type { Link } from './link.ts';
import { logSubject, type NatsBusOptions, streamName } from './options.ts';

/** Unacknowledged appends; one more is refused at once. */
const IN_FLIGHT_MAX = 1_024;
const DAY_MS = 86_400_000;
const GIB = 2 ** 30;

/** Appends to the own region's stream, and keeps that stream in being. */
export class Appender {
  readonly #link: Link;
  readonly #options: NatsBusOptions;
  readonly #subject: string;
  #inFlight = 0;
  #ensuring: Promise<void> | null = null;

  constructor(link: Link, options: NatsBusOptions) {
    this.#link = link;
    this.#options = options;
    this.#subject = logSubject(options.source, options.region);
    // The server may have lost its data while it was away.
    link.onUp((connection) => void this.#ensure(connection).catch(() => {}));
  }

  /** @throws BusUnavailableError when it was not acknowledged in time */
  async append(message: BusMessage): Promise<void> {
    const connection = this.#link.up;
    if (!connection) throw this.#unavailable('not connected');
    if (this.#inFlight >= IN_FLIGHT_MAX)
      throw this.#unavailable(`${IN_FLIGHT_MAX} messages wait for their acknowledgement`);
    this.#inFlight += 1;
    try {
      await this.#publish(connection, message);
    } catch (error) {
      if (!isNoStream(error)) throw this.#unavailable(error);
      // Nobody stores the subject: the stream was deleted, or is not there yet.
      try {
        await this.#ensure(connection);
        await this.#publish(connection, message);
      } catch (cause) {
        throw this.#unavailable(cause);
      }
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #publish(connection: NatsConnection, message: BusMessage): Promise<void> {
    const { ackTimeoutMs = 1_000 } = this.#options;
    const [payload, carried] = fromBusMessage(message);
    await connection.jetstream().publish(this.#subject, payload, { timeout: ackTimeoutMs, ...carried });
  }

  /** Creates the stream if it is missing; its description tells one life from the next. */
  #ensure(connection: NatsConnection): Promise<void> {
    this.#ensuring ??= this.#create(connection).finally(() => (this.#ensuring = null));
    return this.#ensuring;
  }

  async #create(connection: NatsConnection): Promise<void> {
    const {
      source,
      region,
      maxAgeMs = DAY_MS,
      maxBytes = GIB,
      maxMessages = -1,
      ackTimeoutMs = 1_000,
    } = this.#options;
    const manager = await connection.jetstreamManager({ timeout: ackTimeoutMs, checkAPI: false });
    const name = streamName(source, region);
    try {
      await manager.streams.info(name);
      return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await manager.streams.add({
      name,
      subjects: [this.#subject],
      description: `inc=${randomUUID()}`,
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_age: nanos(maxAgeMs),
      max_bytes: maxBytes,
      max_msgs: maxMessages,
      deny_delete: true,
    });
  }

  #unavailable(cause: unknown): BusUnavailableError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new BusUnavailableError(
      `the stream of ${this.#options.region} did not take a message: ${why}; the relay publishes from the changelog when it is back`,
      { cause },
    );
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.code === 404;
}

function isNoStream(error: unknown): boolean {
  return (
    error instanceof NatsError &&
    (error.code === ErrorCode.NoResponders || error.code === '503' || isNotFound(error))
  );
}
