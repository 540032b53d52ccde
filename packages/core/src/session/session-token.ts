import { createHmac, timingSafeEqual } from 'node:crypto';
import { SessionTokenError } from '../ports/errors.ts';
import {
  type Remembered,
  SESSION_KEYS_MAX,
  SESSION_SCOPES_MAX,
  type SessionState,
} from '../protocol/session-state.ts';
import { isOrdinal } from '../protocol/version.ts';

/*
 * body = format (1 byte) era keys scopes; keys and scopes = floor count { hash (8 bytes) n }...
 * Integers are varints: 7 bits a byte, lowest first. token = base64url(body, first 16 bytes of
 * HMAC-SHA-256(secret, body)).
 */
const FORMAT = 1;
const HASH_LENGTH = 8;
const MAC_LENGTH = 16;
const VARINT_LENGTH_MAX = 8;
const BODY_LENGTH_MAX =
  1 + 5 * VARINT_LENGTH_MAX + (SESSION_KEYS_MAX + SESSION_SCOPES_MAX) * (HASH_LENGTH + VARINT_LENGTH_MAX);
/** Characters of the longest token. */
export const SESSION_TOKEN_LENGTH_MAX = Math.ceil(((BODY_LENGTH_MAX + MAC_LENGTH) * 4) / 3);

export function encodeSessionToken({ era, keys, scopes }: SessionState, secret: string): string {
  const bytes: number[] = [FORMAT];
  pushVarint(bytes, era);
  for (const { floor, byHash } of [keys, scopes]) {
    pushVarint(bytes, floor);
    pushVarint(bytes, byHash.size);
    for (const [hash, n] of byHash) {
      bytes.push(...Buffer.from(hash, 'hex'));
      pushVarint(bytes, n);
    }
  }
  const body = Buffer.from(bytes);
  return Buffer.concat([body, macOf(body, secret)]).toString('base64url');
}

/**
 * @param secrets any of them may have signed it
 * @throws SessionTokenError for everything that `encodeSessionToken` did not make with one of the secrets
 */
export function decodeSessionToken(token: string, secrets: readonly string[]): SessionState {
  if (token.length > SESSION_TOKEN_LENGTH_MAX || !/^[\w-]+$/.test(token)) throw new SessionTokenError('form');
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length <= MAC_LENGTH) throw new SessionTokenError('form');
  const body = bytes.subarray(0, -MAC_LENGTH);
  const mac = bytes.subarray(-MAC_LENGTH);
  if (!secrets.some((secret) => timingSafeEqual(macOf(body, secret), mac))) {
    throw new SessionTokenError('signature');
  }
  const state = readBody(body);
  if (!state) throw new SessionTokenError('format');
  return state;
}

interface Reader {
  readonly body: Buffer;
  at: number;
}

function readBody(body: Buffer): SessionState | null {
  if (body[0] !== FORMAT) return null;
  const reader = { body, at: 1 };
  const era = readVarint(reader);
  const keys = readRemembered(reader, SESSION_KEYS_MAX);
  const scopes = keys && readRemembered(reader, SESSION_SCOPES_MAX);
  return era !== null && keys && scopes && reader.at === body.length ? { era, keys, scopes } : null;
}

function readRemembered(reader: Reader, max: number): Remembered | null {
  const floor = readVarint(reader);
  const count = readVarint(reader);
  if (floor === null || count === null || count > max) return null;
  const byHash = new Map<string, number>();
  for (let i = 0; i < count; i += 1) {
    const hash = reader.body.toString('hex', reader.at, reader.at + HASH_LENGTH);
    reader.at += HASH_LENGTH;
    const n = readVarint(reader);
    if (n === null) return null;
    byHash.set(hash, n);
  }
  return byHash.size === count ? { floor, byHash } : null;
}

function macOf(body: Buffer, secret: string): Buffer {
  return createHmac('sha256', secret).update(body).digest().subarray(0, MAC_LENGTH);
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
}

function readVarint(reader: Reader): number | null {
  let value = 0;
  for (let place = 0; place < VARINT_LENGTH_MAX; place += 1) {
    const byte = reader.body[reader.at];
    if (byte === undefined) return null;
    reader.at += 1;
    value += (byte % 128) * 128 ** place;
    if (byte < 128) return isOrdinal(value) ? value : null;
  }
  return null;
}
