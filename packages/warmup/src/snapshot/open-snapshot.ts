import { createHash, timingSafeEqual } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { decode } from '@msgpack/msgpack';
import type { CopiedBlock } from '../copied-block.ts';
import { decodeBlock } from './snapshot-block.ts';
import { SnapshotError } from './snapshot-error.ts';
import { END, FORMAT, FRAME_HEAD, FRAME_MAX, KIND, MAGIC } from './snapshot-format.ts';
import type { SnapshotHeader, SnapshotSummary } from './write-snapshot.ts';

const decompressed = promisify(gunzip);

interface Frame {
  readonly kind: number;
  readonly digest: Buffer;
  readonly payload: Uint8Array;
  readonly next: number;
}

/** A snapshot that is read; nothing of it is trusted before its checksum was seen to be right. */
export interface Snapshot {
  readonly header: SnapshotHeader;
  /** In the order in which they were saved. Rejects with a `SnapshotError` at the first damage. */
  blocks(): AsyncGenerator<CopiedBlock, SnapshotSummary>;
  close(): Promise<void>;
}

/** Opens a snapshot. Rejects with a `SnapshotError` for a file that is none, is cut short, or of a later release. */
export async function openSnapshot(path: string): Promise<Snapshot> {
  const file = await open(path).catch((cause: unknown) => {
    throw new SnapshotError(`${path} can't be read`, { cause });
  });
  try {
    const { size } = await file.stat();
    const start = await read(file, 0, MAGIC.length);
    if (!start.equals(MAGIC)) throw new SnapshotError(`${path} is no snapshot`);
    const end = await read(file, Math.max(0, size - END.length), END.length);
    if (!end.equals(END)) throw new SnapshotError(`${path} is cut short: save it again, or copy it again`);
    const first = await frameAt(file, path, MAGIC.length, size);
    return {
      header: headerOf(path, first),
      blocks: () => blocksOf(file, path, first, size),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function headerOf(path: string, { kind, payload }: Frame): SnapshotHeader {
  const [format, source, region, savedAtMs] = list(payload) ?? [];
  if (typeof format === 'number' && format > FORMAT) {
    throw new SnapshotError(`${path} was saved by a later release; use that one to read it`);
  }
  if (kind !== KIND.header || format !== FORMAT || typeof source !== 'string' || typeof region !== 'string') {
    throw damaged(path, MAGIC.length);
  }
  return { source, region, savedAtMs: Number(savedAtMs) };
}

async function* blocksOf(
  file: FileHandle,
  path: string,
  first: Frame,
  size: number,
): AsyncGenerator<CopiedBlock, SnapshotSummary> {
  const chain = createHash('sha256').update(first.digest);
  let [blocks, values, at] = [0, 0, first.next];
  for (;;) {
    const frame = await frameAt(file, path, at, size);
    if (frame.kind === KIND.trailer) {
      const [ofBlocks, ofValues, digest] = list(frame.payload) ?? [];
      const whole = digest instanceof Uint8Array && Buffer.from(digest).equals(chain.digest());
      if (ofBlocks !== blocks || ofValues !== values || !whole || frame.next !== size - END.length) {
        throw new SnapshotError(`${path} is not whole: blocks are missing; save it again, or copy it again`);
      }
      return { blocks, values };
    }
    const block = frame.kind === KIND.block ? decodeBlock(frame.payload) : null;
    if (!block) throw damaged(path, at);
    chain.update(frame.digest);
    blocks += 1;
    values += block.values.length;
    at = frame.next;
    yield block;
  }
}

async function frameAt(file: FileHandle, path: string, at: number, size: number): Promise<Frame> {
  const head = await read(file, at, FRAME_HEAD);
  if (head.length < FRAME_HEAD) throw damaged(path, at);
  const length = head.readUInt32BE(1);
  if (length > FRAME_MAX || at + FRAME_HEAD + length > size) throw damaged(path, at);
  const body = await read(file, at + FRAME_HEAD, length);
  const digest = createHash('sha256').update(head.subarray(0, 5)).update(body).digest();
  if (!timingSafeEqual(digest, head.subarray(5))) throw damaged(path, at);
  try {
    const payload = await decompressed(body, { maxOutputLength: FRAME_MAX });
    return { kind: head[0]!, digest, payload, next: at + FRAME_HEAD + length };
  } catch (cause) {
    throw new SnapshotError(`${path} is damaged at byte ${at}`, { cause });
  }
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

function list(payload: Uint8Array): unknown[] | null {
  try {
    const raw = decode(payload);
    return Array.isArray(raw) ? (raw as unknown[]) : null;
  } catch {
    return null;
  }
}

function damaged(path: string, at: number): SnapshotError {
  return new SnapshotError(`${path} is damaged at byte ${at}: save it again, or copy it again`);
}
