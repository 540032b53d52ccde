import {
  compareVersions,
  type Dependency,
  isOrdinal,
  type StoredRecord,
  type StoredValue,
} from '@tidemark/core';
import { parseDependencies } from './dependencies-text.ts';

/*
 * A record is one string. Integers are big-endian doubles, exact up to 2^53, which Lua can read too.
 *
 * | byte | what |
 * |---|---|
 * | 0 | magic 0xd4: with a format below 0x80 after it never the start of UTF-8 text |
 * | 1 | format: 1, or 2 for a value with dependencies, which a reader of format 1 must not serve |
 * | 2 | flags: 1 has a value, 2 the value is absence (negative entry) |
 * | 3 | 0 |
 * | 4, 12 | tidemark: era, n; a tombstone ends here |
 * | 20, 28 | version of the value: era, n |
 * | 36, 44 | scope, epoch |
 * | 52, 60, 68 | filled at (Redis' clock), fresh, stale, in ms |
 * | 76 | schema |
 * | 84 | life of the store that admitted the value: first 4 bytes of the SHA-1 of its incarnation |
 * | 88 | format 1: the value. Format 2: length of the dependencies' text (4 bytes), that text, the value |
 *
 * Bytes 0 and 4..19 stay the same in every later format, so that releases that run side by side
 * never lose each other's tidemarks. The scripts read and write the same layout.
 */
const MAGIC = 0xd4;
const FORMAT = 1;
const FORMAT_DEPENDENCIES = 2;
const HAS_VALUE = 1;
const NEGATIVE = 2;
const TOMBSTONE_LENGTH = 20;
const HEADER_LENGTH = 88;

/** What bytes turned out to be: `record` is null when nothing in them can be trusted. */
export interface ReadRecord {
  readonly record: StoredRecord | null;
  /** True for bytes of another program or format, and for broken ones. */
  readonly unreadable: boolean;
}

/**
 * Reads a record as it counts in the store's present `life`: a value that an earlier life admitted
 * is left out. Its tidemark stays true. Never throws.
 */
export function readRecord(bytes: Buffer, life: number): ReadRecord {
  if (bytes.length < TOMBSTONE_LENGTH || bytes[0] !== MAGIC) return { record: null, unreadable: true };
  const tidemark = { era: bytes.readDoubleBE(4), n: bytes.readDoubleBE(12) };
  if (!isOrdinal(tidemark.era) || !isOrdinal(tidemark.n)) return { record: null, unreadable: true };
  const flags = bytes[2]!;
  const format = bytes[1];
  if (format !== FORMAT && format !== FORMAT_DEPENDENCIES)
    return { record: { tidemark, value: null }, unreadable: true };
  if ((flags & HAS_VALUE) === 0) return { record: { tidemark, value: null }, unreadable: false };
  if (bytes.length < HEADER_LENGTH) return { record: { tidemark, value: null }, unreadable: true };
  if (bytes.readUInt32BE(84) !== life) return { record: { tidemark, value: null }, unreadable: false };
  const dependent = format === FORMAT_DEPENDENCIES ? readDependencies(bytes) : NO_DEPENDENCIES;
  if (!dependent) return { record: { tidemark, value: null }, unreadable: true };
  const value: StoredValue = {
    version: { era: bytes.readDoubleBE(20), n: bytes.readDoubleBE(28) },
    scope: bytes.readDoubleBE(36),
    epoch: bytes.readDoubleBE(44),
    filledAtMs: bytes.readDoubleBE(52),
    freshMs: bytes.readDoubleBE(60),
    staleMs: bytes.readDoubleBE(68),
    schema: bytes.readDoubleBE(76),
    data: (flags & NEGATIVE) === 0 ? bytes.subarray(dependent.end) : null,
    dependencies: dependent.dependencies,
  };
  const unreadable = !isSound(value) || compareVersions(value.version, tidemark) > 0;
  return { record: { tidemark, value: unreadable ? null : value }, unreadable };
}

interface Dependent {
  readonly dependencies: readonly Dependency[];
  /** Where the value begins. */
  readonly end: number;
}

const NO_DEPENDENCIES: Dependent = { dependencies: [], end: HEADER_LENGTH };

function readDependencies(bytes: Buffer): Dependent | null {
  const start = HEADER_LENGTH + 4;
  if (bytes.length < start) return null;
  const end = start + bytes.readUInt32BE(HEADER_LENGTH);
  if (bytes.length < end) return null;
  const dependencies = parseDependencies(bytes.toString('utf8', start, end));
  return dependencies && { dependencies, end };
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
