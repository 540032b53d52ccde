import {
  compareVersions,
  type Dependency,
  isOrdinal,
  type StoredRecord,
  type StoredValue,
  type Version,
} from '@tidemark/core';
import { parseDependencies } from './dependencies-text.ts';
import { BODY_ID_LENGTH, type BodyPointer, isBodyId } from './value-body.ts';

/*
 * A record is one string. Integers are big-endian doubles, exact up to 2^53, which Lua can read too.
 *
 * | byte | what |
 * |---|---|
 * | 0 | magic 0xd4: with a format below 0x80 after it never the start of UTF-8 text |
 * | 1 | format: 1; 2 for a value with dependencies, which a reader of format 1 must not serve; 3 for a value elsewhere |
 * | 2 | flags: 1 has a value, 2 the value is absence (negative entry) |
 * | 3 | 0 |
 * | 4, 12 | tidemark: era, n; a tombstone ends here |
 * | 20, 28 | version of the value: era, n |
 * | 36, 44 | scope, epoch |
 * | 52, 60, 68 | filled at (Redis' clock), fresh, stale, in ms |
 * | 76 | schema |
 * | 84 | life of the store that admitted the value: first 4 bytes of the SHA-1 of its incarnation |
 * | 88 | format 1: the value. Format 2: length of the dependencies' text (4 bytes), that text, the value |
 * | 88 | format 3: id of the body (22 characters, see `value-body.ts`) |
 * | 110, 114 | format 3: length of the value, and of the dependencies' text (4 bytes each; 0: none), that text |
 *
 * Bytes 0 and 4..19 stay the same in every later format, so that releases that run side by side
 * never lose each other's tidemarks. The scripts read and write the same layout.
 */
const MAGIC = 0xd4;
const FORMAT = 1;
const FORMAT_DEPENDENCIES = 2;
const FORMAT_BODY = 3;
const FORMATS: ReadonlySet<number> = new Set([FORMAT, FORMAT_DEPENDENCIES, FORMAT_BODY]);
const HAS_VALUE = 1;
const NEGATIVE = 2;
const TOMBSTONE_LENGTH = 20;
const HEADER_LENGTH = 88;
const BODY_LENGTH_AT = HEADER_LENGTH + BODY_ID_LENGTH;
/** For the writer of records. */
export const RECORD = {
  magic: MAGIC,
  format: FORMAT,
  formatDependencies: FORMAT_DEPENDENCIES,
  hasValue: HAS_VALUE,
  negative: NEGATIVE,
  headerLength: HEADER_LENGTH,
} as const;
const EMPTY = new Uint8Array();

/** What bytes turned out to be: `record` is null when nothing in them can be trusted. */
export interface ReadRecord {
  readonly record: StoredRecord | null;
  /** True for bytes of another program or format, and for broken ones. */
  readonly unreadable: boolean;
  /** Where the value's data is, when it is not in the record; its place there is empty then. */
  readonly body: BodyPointer | null;
}

/**
 * Reads a record as it counts in the store's present `life`: a value that an earlier life admitted
 * is left out. Its tidemark stays true. Never throws.
 *
 * @param reply a view of all of the memory that `bytes` are part of: records of one reply share it
 */
export function readRecord(bytes: Buffer, life: number, reply = new DataView(bytes.buffer)): ReadRecord {
  if (bytes.length < TOMBSTONE_LENGTH || bytes[0] !== MAGIC) return UNREADABLE;
  const at = bytes.byteOffset;
  const tidemark = { era: reply.getFloat64(at + 4), n: reply.getFloat64(at + 12) };
  if (!isOrdinal(tidemark.era) || !isOrdinal(tidemark.n)) return UNREADABLE;
  const flags = bytes[2]!;
  const format = bytes[1]!;
  if (!FORMATS.has(format)) return withoutValue(tidemark, true);
  if ((flags & HAS_VALUE) === 0) return withoutValue(tidemark, false);
  if (bytes.length < HEADER_LENGTH) return withoutValue(tidemark, true);
  if (reply.getUint32(at + 84) !== life) return withoutValue(tidemark, false);
  const content = format === FORMAT ? PLAIN : readContent(bytes, format);
  if (!content) return withoutValue(tidemark, true);
  const { body, dependencies } = content;
  const version = { era: reply.getFloat64(at + 20), n: reply.getFloat64(at + 28) };
  const order = compareVersions(version, tidemark);
  const value: StoredValue = {
    version: order === 0 ? tidemark : version,
    scope: reply.getFloat64(at + 36),
    epoch: reply.getFloat64(at + 44),
    filledAtMs: reply.getFloat64(at + 52),
    freshMs: reply.getFloat64(at + 60),
    staleMs: reply.getFloat64(at + 68),
    schema: reply.getFloat64(at + 76),
    data: (flags & NEGATIVE) === 0 ? (body ? EMPTY : bytes.subarray(content.end)) : null,
    dependencies,
  };
  if (!isSound(value) || order > 0) return withoutValue(tidemark, true);
  // A release that knows no bodies raised the tidemark: the value serves nobody, nor need it be fetched.
  if (body && order < 0) return withoutValue(tidemark, false);
  return { record: { tidemark, value }, unreadable: false, body };
}

const UNREADABLE: ReadRecord = { record: null, unreadable: true, body: null };

function withoutValue(tidemark: Version, unreadable: boolean): ReadRecord {
  return { record: { tidemark, value: null }, unreadable, body: null };
}

/** What comes after the header. */
interface Content {
  readonly dependencies: readonly Dependency[];
  /** Where the value begins, if it is here. */
  readonly end: number;
  readonly body: BodyPointer | null;
}

const PLAIN: Content = { dependencies: [], end: HEADER_LENGTH, body: null };

function readContent(bytes: Buffer, format: number): Content | null {
  const body = format === FORMAT_BODY ? readPointer(bytes) : null;
  if (format === FORMAT_BODY && !body) return null;
  const at = body ? BODY_LENGTH_AT + 4 : HEADER_LENGTH;
  const start = at + 4;
  if (bytes.length < start) return null;
  const end = start + bytes.readUInt32BE(at);
  if (bytes.length < end) return null;
  // Only a pointer may have none.
  const dependencies = body && end === start ? [] : parseDependencies(bytes.toString('utf8', start, end));
  return dependencies && { dependencies, end, body };
}

function readPointer(bytes: Buffer): BodyPointer | null {
  if (bytes.length < BODY_LENGTH_AT + 4) return null;
  const id = bytes.toString('latin1', HEADER_LENGTH, BODY_LENGTH_AT);
  return isBodyId(id) ? { id, length: bytes.readUInt32BE(BODY_LENGTH_AT) } : null;
}

/** No script writes other numbers; bytes that hold some were changed by something else. */
function isSound({ version, scope, epoch, schema, filledAtMs, freshMs, staleMs }: StoredValue): boolean {
  return (
    isOrdinal(version.era) &&
    isOrdinal(version.n) &&
    isOrdinal(scope) &&
    isOrdinal(epoch) &&
    isOrdinal(schema) &&
    filledAtMs >= 0 &&
    freshMs >= 0 &&
    staleMs >= 0
  );
}
