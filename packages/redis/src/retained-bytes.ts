import { compareVersions, isOrdinal, parseGeneration, type RetainedValue } from '@tidemark/core';

/*
 * The history of a key is a hash: `era.n` -> one string. Integers are big-endian doubles.
 *
 * | byte | what |
 * |---|---|
 * | 0 | magic 0xd5 |
 * | 1 | format: 1 |
 * | 2 | flags: 2 the value is absence |
 * | 3 | 0 |
 * | 4 | schema |
 * | 12 | when it was put there (Redis' clock, ms) |
 * | 20 | the value |
 */
const MAGIC = 0xd5;
const FORMAT = 1;
const NEGATIVE = 2;
const HEADER_LENGTH = 20;

/** Reads a history, newest version first. Fields that nobody of us wrote are left out. Never throws. */
export function readHistory(fields: Readonly<Record<string, Buffer>>): {
  readonly history: readonly RetainedValue[];
  readonly unreadable: boolean;
} {
  const values = Object.entries(fields).map(([field, bytes]) => readValue(field, bytes));
  return {
    history: values.filter((value) => value !== null).sort((a, b) => compareVersions(b.version, a.version)),
    unreadable: values.includes(null),
  };
}

function readValue(field: string, bytes: Buffer): RetainedValue | null {
  // A version and a generation are written alike.
  const version = parseGeneration(field);
  if (!version || bytes.length < HEADER_LENGTH || bytes[0] !== MAGIC || bytes[1] !== FORMAT) return null;
  const schema = bytes.readDoubleBE(4);
  const filledAtMs = bytes.readDoubleBE(12);
  if (!isOrdinal(schema) || !(filledAtMs >= 0)) return null;
  const data = (bytes[2]! & NEGATIVE) === 0 ? bytes.subarray(HEADER_LENGTH) : null;
  return { version, schema, filledAtMs, data };
}
