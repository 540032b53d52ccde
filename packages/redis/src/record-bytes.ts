import type { StoredRecord } from '@tidemark/core';

/** Bytes before the value: see `scripts/prelude.ts` for the same layout in Lua. */
const HEADER_LENGTH = 60;
const MAGIC = 0x54;
const FORMAT = 1;
const HAS_VALUE = 1;
const NEGATIVE = 2;

/** Reads a record; null for bytes that are not one, or of another format. */
export function readRecord(bytes: Buffer): StoredRecord | null {
  if (bytes.length < HEADER_LENGTH || bytes[0] !== MAGIC || bytes[1] !== FORMAT) return null;
  const flags = bytes[2]!;
  const tidemark = { era: bytes.readUInt32BE(4), n: bytes.readDoubleBE(8) };
  if ((flags & HAS_VALUE) === 0) return { tidemark, value: null };
  return {
    tidemark,
    value: {
      version: { era: bytes.readUInt32BE(16), n: bytes.readDoubleBE(20) },
      scope: bytes.readDoubleBE(28),
      epoch: bytes.readUInt32BE(36),
      filledAtMs: bytes.readDoubleBE(40),
      freshMs: bytes.readUInt32BE(48),
      staleMs: bytes.readUInt32BE(52),
      schema: bytes.readUInt32BE(56),
      data: (flags & NEGATIVE) === 0 ? bytes.subarray(HEADER_LENGTH) : null,
    },
  };
}
