import { isKey, type KeyReads, REPORT_KEYS_MAX } from '@tidemark/core';
import { decode, encode } from '@msgpack/msgpack';
import type { CopiedBlock } from '../copied-block.ts';
import type { Peer } from '../peer.ts';
import { encodeBlock } from '../snapshot/snapshot-block.ts';
import { EXPORT_FRAME_MAX } from './export-format.ts';

/** Keys that are read from the store at a time: what one answer holds in memory. */
const READ_KEYS = 100;
/** Values of more bytes begin a new frame. */
const FRAME_BYTES = 4 * 1024 * 1024;
const PAGE = 1_000;

/** Frames of copies of these keys. */
export async function* copyFrames(peer: Peer, keys: readonly string[]): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < keys.length; at += READ_KEYS) {
    const { blocks } = await peer.read(keys.slice(at, at + READ_KEYS));
    for (const block of blocks) yield* partsOf(block);
  }
}

/** A value that no frame can carry is left out: it is loaded. */
function* partsOf({ asOf, values }: CopiedBlock): Generator<Uint8Array> {
  let part: CopiedBlock['values'][number][] = [];
  let bytes = 0;
  for (const value of values) {
    const size = value.data?.byteLength ?? 0;
    if (size > EXPORT_FRAME_MAX / 2) continue;
    if (part.length > 0 && bytes + size > FRAME_BYTES) {
      yield encodeBlock({ asOf, values: part });
      [part, bytes] = [[], 0];
    }
    part.push(value);
    bytes += size;
  }
  if (part.length > 0) yield encodeBlock({ asOf, values: part });
}

export async function* keyFrames(peer: Peer): AsyncGenerator<Uint8Array> {
  for await (const page of peer.keys()) if (page.length > 0) yield encode(page);
}

export async function* hotKeyFrames(peer: Peer, limit: number): AsyncGenerator<Uint8Array> {
  const hot = await peer.hotKeys(Math.min(limit, REPORT_KEYS_MAX));
  for (let at = 0; at < hot.length; at += PAGE) {
    yield encode(hot.slice(at, at + PAGE).map(({ key, reads }) => [key, reads]));
  }
}

/** Null for what no `keyFrames` made. */
export function readKeyFrame(payload: Uint8Array): string[] | null {
  const raw = decoded(payload);
  return raw !== null && raw.every(isKey) ? raw : null;
}

/** Null for what no `hotKeyFrames` made. */
export function readHotKeyFrame(payload: Uint8Array): KeyReads[] | null {
  const raw = decoded(payload);
  if (raw === null) return null;
  const keys: KeyReads[] = [];
  for (const each of raw) {
    if (!Array.isArray(each)) return null;
    const [key, reads] = each as unknown[];
    if (!isKey(key) || typeof reads !== 'number' || !(reads >= 0)) return null;
    keys.push({ key, reads });
  }
  return keys;
}

function decoded(payload: Uint8Array): unknown[] | null {
  try {
    const raw = decode(payload);
    return Array.isArray(raw) ? (raw as unknown[]) : null;
  } catch {
    return null;
  }
}
