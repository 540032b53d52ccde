import { FormatError, type Version } from '@tidemark/core';
import type { StoreConnection } from './connection.ts';
import type { KeyNames } from './key-names.ts';
import { RECORD } from './record-bytes.ts';
import { judgeForm, type RecordForm } from './record-form.ts';
import { readBody } from './value-body.ts';

/** A lease or a role. */
export interface Held {
  /** Random id of whoever holds it. */
  readonly holder: string;
  readonly leftMs: number;
}

/** What Redis keeps about a key besides its record's content. */
export interface RedisKeyFacts {
  /** Name of the record in Redis. */
  readonly name: string;
  /** Length of the record; 0 when there is none. */
  readonly bytes: number;
  /** When Redis removes the record, tidemark and all, ms from now; null when there is none. */
  readonly leftMs: number | null;
  readonly lease: Held | null;
  /** When Redis removes the history of earlier values; null when there is none. */
  readonly historyLeftMs: number | null;
  /** A value that is kept beside the record's, for an older release. It counts while the record has its version. */
  readonly beside: BesideFacts | null;
}

export interface BesideFacts {
  readonly schema: number;
  readonly version: Version;
  /** When Redis removes it, ms from now. */
  readonly leftMs: number;
}

/** What lies under a record's name, judged by its bytes alone. */
export interface RecordFacts {
  readonly form: RecordForm;
  /** What is wrong with it, for people; empty when nothing is. */
  readonly why: string;
}

/** The server, as far as a store depends on it. Null: this login may not ask. */
export interface RedisServerFacts {
  readonly roundTripMs: number;
  /** Redis' clock less this machine's, ms; off by up to half the round trip. */
  readonly skewMs: number;
  readonly version: string | null;
  readonly uptimeMs: number | null;
  readonly usedBytes: number | null;
  /** 0: no limit. */
  readonly maxBytes: number | null;
  readonly policy: string | null;
  readonly evictedKeys: number | null;
  readonly clients: number | null;
  readonly role: string | null;
}

/** Looks at a store's Redis, for operators. Changes nothing. */
export interface RedisDiagnostics {
  key(key: string): Promise<RedisKeyFacts>;
  /** One for each key, in order. Not in one step with their records' content: a finding is worth a second look. */
  records(keys: readonly string[]): Promise<readonly RecordFacts[]>;
  /** Keys of all servers, of other programs too: for an idea of how long a sweep takes. */
  size(): Promise<number>;
  role(role: string): Promise<Held | null>;
  server(): Promise<RedisServerFacts>;
}

interface Parts {
  readonly connection: StoreConnection;
  readonly names: KeyNames;
}

export function redisDiagnostics({ connection, names }: Parts): RedisDiagnostics {
  const { redis } = connection;

  async function held(name: string): Promise<Held | null> {
    const [holder, leftMs] = await Promise.all([
      connection.run(redis.get(name)),
      connection.run(redis.pttl(name)),
    ]);
    return holder === null || leftMs < 0 ? null : { holder, leftMs };
  }

  async function facts(key: string): Promise<RecordFacts> {
    const name = names.record(key);
    const [bytes, leftMs, type] = await Promise.all([
      connection.run(redis.getBuffer(name).catch(notText)),
      connection.run(redis.pttl(name)),
      connection.run(redis.type(name)),
    ]);
    if (type === 'none' || (type === 'string' && bytes === null)) return { form: 'none', why: '' };
    if (bytes === null) return { form: 'foreign', why: `a ${type} of Redis where a record should be` };
    const { form, why, body } = judgeForm(bytes);
    if (form === 'record' && leftMs === -1) {
      return { form: 'foreign', why: 'a record without an expiry: this library never leaves one so' };
    }
    if (!body) return { form, why };
    const found = await connection.run(redis.getBuffer(names.body(key, body.id)).catch(notText));
    // One that is missing was evicted, or ended with its value.
    if (found === null || readBody(found, body)) return { form, why };
    return { form: 'corrupt', why: 'a large value whose bytes are not those that its record means' };
  }

  async function besideFacts(key: string): Promise<BesideFacts | null> {
    const name = names.beside(key);
    const [bytes, leftMs] = await Promise.all([
      connection.run(redis.getrangeBuffer(name, 0, RECORD.headerLength - 1).catch(notText)),
      connection.run(redis.pttl(name)),
    ]);
    if (!bytes || bytes.length < RECORD.headerLength || bytes[0] !== RECORD.magic || leftMs < 0) return null;
    const version = { era: bytes.readDoubleBE(20), n: bytes.readDoubleBE(28) };
    return { schema: bytes.readDoubleBE(76), version, leftMs };
  }

  return {
    records: (keys) => Promise.all(keys.map(facts)),
    async size() {
      const sizes = await Promise.all(connection.scanned().map((server) => connection.run(server.dbsize())));
      return sizes.reduce((all, each) => all + each, 0);
    },
    async key(key) {
      const name = names.record(key);
      const [bytes, leftMs, lease, historyLeftMs, beside] = await Promise.all([
        connection.run(redis.strlen(name)),
        connection.run(redis.pttl(name)),
        held(names.lease(key)),
        connection.run(redis.pttl(names.history(key))),
        besideFacts(key),
      ]);
      return {
        name,
        bytes,
        leftMs: leftMs < 0 ? null : leftMs,
        lease,
        historyLeftMs: historyLeftMs < 0 ? null : historyLeftMs,
        beside,
      };
    },
    role: (role) => held(names.role(role)),
    async server() {
      const server = connection.scanned()[0];
      if (!server) throw new FormatError('this store has no server that can be asked');
      const beganMs = performance.now();
      const [seconds, microseconds] = await connection.run(server.time());
      const roundTripMs = performance.now() - beganMs;
      const skewMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - (Date.now() - roundTripMs / 2);
      const info = await connection.run(server.info().catch(notAllowed));
      const field = (name: string): string | null =>
        new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
      const number = (name: string): number | null => {
        const text = field(name);
        return text === null ? null : Number(text);
      };
      const uptime = number('uptime_in_seconds');
      return {
        roundTripMs,
        skewMs,
        version: field('redis_version'),
        uptimeMs: uptime === null ? null : uptime * 1_000,
        usedBytes: number('used_memory'),
        maxBytes: number('maxmemory'),
        policy: field('maxmemory_policy'),
        evictedKeys: number('evicted_keys'),
        clients: number('connected_clients'),
        role: field('role'),
      };
    },
  };
}

function notAllowed(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('NOPERM')) return '';
  throw error;
}

/** Another program's data of another type. */
function notText(error: unknown): null {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
  throw error;
}
