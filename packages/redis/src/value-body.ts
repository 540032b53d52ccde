import { randomBytes } from 'node:crypto';

/*
 * A value that is too large for its record lies under a key of its own, which is written once and never changed:
 * its name is random. The record points to it.
 *
 * | byte | what |
 * |---|---|
 * | 0 | magic 0xd6 |
 * | 1 | format: 1 |
 * | 2 | 0 0 |
 * | 4 | id of the body: 22 characters, as in the record and in the key |
 * | 26 | the value |
 */
const MAGIC = 0xd6;
const FORMAT = 1;
export const BODY_ID_LENGTH = 22;
const HEADER_LENGTH = 4 + BODY_ID_LENGTH;
const ID = /^[\w-]{22}$/;

/** What a record knows of its value's body. */
export interface BodyPointer {
  readonly id: string;
  /** Of the value, bytes. */
  readonly length: number;
}

export function newBodyId(): string {
  return randomBytes(16).toString('base64url');
}

export function isBodyId(text: string): boolean {
  return ID.test(text);
}

export function bodyBytes(id: string, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([MAGIC, FORMAT, 0, 0]), Buffer.from(id, 'latin1'), data]);
}

/** The value in a body; null when it is not the body that the record means. */
export function readBody(bytes: Buffer, { id, length }: BodyPointer): Buffer | null {
  if (bytes.length !== HEADER_LENGTH + length || bytes[0] !== MAGIC || bytes[1] !== FORMAT) return null;
  if (bytes.toString('latin1', 4, HEADER_LENGTH) !== id) return null;
  return bytes.subarray(HEADER_LENGTH);
}
