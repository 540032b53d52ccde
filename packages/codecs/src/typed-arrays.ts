import { FormatError } from '@tidemark/core';

/** The place in this list is the first byte of an encoded one: new ones go to the end. */
const KINDS = [
  Buffer,
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** Null for a view of another kind: a DataView, or a class of somebody's own. */
export function encodeTypedArray(view: ArrayBufferView): Uint8Array | null {
  const kind = KINDS.findIndex(({ prototype }) => prototype === Object.getPrototypeOf(view));
  if (kind < 0) return null;
  return Buffer.concat([Uint8Array.of(kind), new Uint8Array(view.buffer, view.byteOffset, view.byteLength)]);
}

/** With memory of its own, since what it is read from may be a small part of something large. */
export function decodeTypedArray(bytes: Uint8Array): ArrayBufferView {
  const kind = KINDS[bytes[0] ?? KINDS.length];
  if (!kind) throw new FormatError('MessagePack with a typed array of unknown kind');
  const { buffer, byteLength } = new Uint8Array(bytes.subarray(1));
  if (kind === Buffer) return Buffer.from(buffer);
  const Kind = kind as Exclude<typeof kind, typeof Buffer>;
  if (byteLength % Kind.BYTES_PER_ELEMENT !== 0)
    throw new FormatError('MessagePack with a broken typed array');
  return new Kind(buffer);
}
