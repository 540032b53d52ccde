import { compareVersions, type StoreAnswer, type StoredRecord } from '@tidemark/core';
import type { StoreConnection } from './connection.ts';
import type { KeyNames } from './key-names.ts';
import { MetaReader } from './meta-text.ts';
import { type ReadRecord, readRecord } from './record-bytes.ts';
import { type BodyPointer, readBody } from './value-body.ts';

const ABSENT: ReadRecord = { record: null, unreadable: false, body: null };

/** A record of an answer whose value lies elsewhere. */
interface Pointed {
  readonly at: number;
  readonly name: string;
  readonly pointer: BodyPointer;
}

/** Reads records and meta by one `MGET`; large values by another one. */
export class RecordReader {
  readonly #connection: StoreConnection;
  readonly #names: KeyNames;
  readonly #onUnreadable: (redisKey: string) => void;
  readonly #metaReader = new MetaReader();

  constructor(connection: StoreConnection, names: KeyNames, onUnreadable: (redisKey: string) => void) {
    this.#connection = connection;
    this.#names = names;
    this.#onUnreadable = onUnreadable;
  }

  /**
   * @param schema of the reader; see `Store.read`
   * @param lastTry whether values whose bodies are gone count as absent
   */
  async read(keys: readonly string[], schema?: number, lastTry = false): Promise<StoreAnswer> {
    const names = [this.#names.meta];
    for (const key of keys) names.push(this.#names.record(key));
    if (schema !== undefined) for (const key of keys) names.push(this.#names.beside(key));
    const replies = await this.#connection.run(this.#connection.redis.mgetBuffer(names));
    const metaBytes = replies[0];
    const known = metaBytes ? this.#metaReader.read(metaBytes) : null;
    if (known === 'later') throw this.#connection.later();
    if (metaBytes && !known) this.#onUnreadable(this.#names.meta);
    const records: (StoredRecord | null)[] = [];
    let pointed: Pointed[] | null = null;
    let reply: DataView | undefined;
    for (let at = 0; at < keys.length; at += 1) {
      const bytes = replies[at + 1];
      if (bytes && bytes.buffer !== reply?.buffer) reply = new DataView(bytes.buffer);
      let read = bytes && known ? readRecord(bytes, known.life, reply) : ABSENT;
      if (read.unreadable) this.#onUnreadable(names[at + 1]!);
      const beside = schema === undefined ? null : replies[at + 1 + keys.length];
      if (beside && known) read = readFor(read, readRecord(beside, known.life), schema!);
      const { record, body } = read;
      records.push(record);
      if (body) (pointed ??= []).push({ at, name: this.#names.body(keys[at]!, body.id), pointer: body });
    }
    const nowMs = this.#connection.nowMs();
    const answer = {
      meta: known?.meta ?? null,
      records,
      nowMs: typeof nowMs === 'number' ? nowMs : await nowMs,
    };
    if (pointed === null || (await this.#fetch(pointed, records)) || lastTry) return answer;
    // A fill or a raise came between the two questions, or a body was evicted. All is asked again: a newer
    // record beside an older meta could borrow a proof that is not its own.
    return this.read(keys, schema, true);
  }

  /** @returns false when a body was missing; its value is left out */
  async #fetch(pointed: readonly Pointed[], records: (StoredRecord | null)[]): Promise<boolean> {
    const bodies = await this.#connection.run(
      this.#connection.redis.mgetBuffer(pointed.map(({ name }) => name)),
    );
    let whole = true;
    for (const [i, { at, name, pointer }] of pointed.entries()) {
      const bytes = bodies[i];
      const data = bytes ? readBody(bytes, pointer) : null;
      if (bytes && !data) this.#onUnreadable(name);
      const { tidemark, value } = records[at]!;
      records[at] = { tidemark, value: data && { ...value!, data } };
      whole &&= data !== null;
    }
    return whole;
  }
}

/** What is beside a record counts only for its reader, and only while it is labelled with the record's tidemark. */
function readFor(own: ReadRecord, beside: ReadRecord, schema: number): ReadRecord {
  const value = beside.record?.value;
  if (!own.record?.value || own.record.value.schema === schema || value?.schema !== schema) return own;
  const { tidemark } = own.record;
  if (compareVersions(value.version, tidemark) !== 0) return own;
  return { record: { tidemark, value }, unreadable: false, body: beside.body };
}
