import { randomUUID } from 'node:crypto';
import { type BusMessage, BusUnavailableError, type RegionId } from '@tidemark/core';
import {
  AckPolicy,
  type ConsumerInfo,
  type ConsumerMessages,
  DeliverPolicy,
  type NatsConnection,
  nanos,
  ReplayPolicy,
} from 'nats';
import { isNotFound } from './appender.ts';
import { toBusMessage } from './messages.ts';
import { followerRegion } from './options.ts';

/** A consumer that nobody asks any more goes away after this. */
const INACTIVE_MS = 5_000;
const FETCH_MAX = 1_000;
const FOLLOWERS_MAX = 256;

/** One region's applier on the stream of another one, or of its own. */
export interface Follower {
  readonly region: RegionId;
  /** Whether it asks for messages: one that does not is gone, or cut off. */
  readonly live: boolean;
  /** Messages that it was not given yet. */
  readonly pending: number;
  /** Sequence of the last message that it was given. */
  readonly givenSeq: number;
}

/** What a region's stream is, and who follows it. */
export interface StreamLook {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstAtMs: number | null;
  readonly lastAtMs: number | null;
  /** Its limits; 0 means none. */
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly maxMessages: number;
  readonly replicas: number;
  readonly discardsOld: boolean;
  /** The latest of each region; null when this login may not see them. */
  readonly followers: readonly Follower[] | null;
}

export interface LogQuery {
  /** Only messages that the server stored at or after this moment of its own clock. */
  readonly sinceMs?: number;
  /** Only the last so many. */
  readonly last?: number;
  readonly fromSeq?: number;
  /** Ends after so many messages. */
  readonly limit: number;
}

/** A stored message. */
export interface LogEntry {
  readonly seq: number;
  /** When the server stored it, by its own clock. */
  readonly atMs: number;
  readonly message: BusMessage;
}

export async function lookAtStream(
  connection: NatsConnection,
  stream: string,
  ms: number,
): Promise<StreamLook | null> {
  const manager = await connection.jetstreamManager({ timeout: ms, checkAPI: false });
  let info;
  try {
    info = await manager.streams.info(stream);
  } catch (error) {
    if (isNotFound(error)) return null;
    throw unavailable(stream, error);
  }
  const { state, config } = info;
  const unlimited = (value: number): number => Math.max(0, value);
  return {
    messages: state.messages,
    bytes: state.bytes,
    firstSeq: state.first_seq,
    lastSeq: state.last_seq,
    firstAtMs: state.messages > 0 ? Date.parse(state.first_ts) : null,
    lastAtMs: state.messages > 0 ? Date.parse(state.last_ts) : null,
    maxAgeMs: config.max_age / 1e6,
    maxBytes: unlimited(config.max_bytes),
    maxMessages: unlimited(config.max_msgs),
    replicas: config.num_replicas,
    discardsOld: config.discard === 'old',
    followers: await followersOf(manager.consumers.list(stream)).catch(() => null),
  };
}

/** Of several consumers of one region the one that works, else the one that got furthest. */
async function followersOf(consumers: AsyncIterable<ConsumerInfo>): Promise<readonly Follower[]> {
  const best = new Map<RegionId, Follower>();
  let seen = 0;
  for await (const { config, delivered, num_pending: pending, num_waiting: waiting } of consumers) {
    if ((seen += 1) > FOLLOWERS_MAX) break;
    const region = followerRegion(config.description);
    if (region === null) continue;
    const follower = { region, live: waiting > 0, pending, givenSeq: delivered.stream_seq };
    const known = best.get(region);
    const better =
      !known ||
      (follower.live === known.live ? follower.givenSeq > known.givenSeq : follower.live && !known.live);
    if (better) best.set(region, follower);
  }
  return [...best.values()].toSorted((a, b) => (a.region < b.region ? -1 : 1));
}

/** Reads with a consumer of its own, which nobody else notices. */
export async function* readLog(
  connection: NatsConnection,
  stream: string,
  { sinceMs, last, fromSeq, limit }: LogQuery,
  ms: number,
): AsyncGenerator<LogEntry> {
  let messages: ConsumerMessages | null = null;
  try {
    const manager = await connection.jetstreamManager({ timeout: ms, checkAPI: false });
    const { state } = await manager.streams.info(stream);
    const end = state.last_seq;
    const seqs = [state.first_seq, fromSeq ?? 0, last === undefined ? 0 : end - last + 1];
    const startSeq = Math.max(1, ...seqs);
    if (state.messages === 0 || startSeq > end || limit < 1) return;
    const name = `tm-look-${randomUUID()}`;
    const { num_pending: left } = await manager.consumers.add(stream, {
      name,
      description: 'tidemark observer',
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      inactive_threshold: nanos(INACTIVE_MS),
      mem_storage: true,
      num_replicas: 1,
      ...(sinceMs !== undefined
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(sinceMs).toISOString() }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: startSeq }),
    });
    if (left === 0) return;
    const consumer = await connection.jetstream({ timeout: ms }).consumers.get(stream, name);
    let read = 0;
    for (;;) {
      let got = 0;
      messages = await consumer.fetch({
        max_messages: Math.min(FETCH_MAX, limit - read),
        expires: Math.max(1_000, ms),
      });
      for await (const { seq, info, data, headers } of messages) {
        got += 1;
        read += 1;
        if (seq <= end) yield { seq, atMs: info.timestampNanos / 1e6, message: toBusMessage(data, headers) };
        if (seq >= end || read >= limit || info.pending === 0) return;
      }
      // Silence is no end: what was read must not pass for the whole.
      if (got === 0) throw new Error(`no more messages within ${ms} ms, after ${read}`);
    }
  } catch (error) {
    if (isNotFound(error)) return;
    throw error instanceof BusUnavailableError ? error : unavailable(stream, error);
  } finally {
    messages?.stop();
  }
}

function unavailable(stream: string, cause: unknown): BusUnavailableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BusUnavailableError(
    `stream ${stream} can't be read: ${why}; check the way to it and the login's permissions`,
    {
      cause,
    },
  );
}
