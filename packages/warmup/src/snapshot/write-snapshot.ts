import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import type { CopiedBlock } from '../copied-block.ts';
import { DIGEST_LENGTH, END, FORMAT, FRAME_HEAD, KIND, MAGIC } from './snapshot-format.ts';
import { encodeBlock } from './snapshot-block.ts';

const compressed = promisify(gzip);

export interface SnapshotHeader {
  /** Name of the source of truth: keys of another one mean something else. */
  readonly source: string;
  readonly region: string;
  /** Wall clock, ms since 1970. */
  readonly savedAtMs: number;
}

export interface SnapshotSummary {
  readonly blocks: number;
  readonly values: number;
}

/**
 * Saves blocks to a file, compressed, each with its checksum. The file is there whole, or not at all: it is written
 * beside its place, synced, and renamed.
 */
export async function writeSnapshot(
  path: string,
  header: SnapshotHeader,
  blocks: AsyncIterable<CopiedBlock>,
  {
    signal,
    onProgress,
  }: { readonly signal?: AbortSignal; readonly onProgress?: (summary: SnapshotSummary) => void } = {},
): Promise<SnapshotSummary> {
  const partial = `${path}.partial`;
  const file = await open(partial, 'w');
  try {
    const chain = createHash('sha256');
    let summary: SnapshotSummary = { blocks: 0, values: 0 };
    await file.writeFile(MAGIC);
    await frame(file, KIND.header, encode([FORMAT, header.source, header.region, header.savedAtMs]), chain);
    for await (const block of blocks) {
      signal?.throwIfAborted();
      await frame(file, KIND.block, encodeBlock(block), chain);
      summary = { blocks: summary.blocks + 1, values: summary.values + block.values.length };
      onProgress?.(summary);
    }
    await frame(file, KIND.trailer, encode([summary.blocks, summary.values, chain.copy().digest()]), chain);
    await file.writeFile(END);
    await file.sync();
    await file.close();
    await rename(partial, path);
    return summary;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}

async function frame(
  file: FileHandle,
  kind: number,
  payload: Uint8Array,
  chain: ReturnType<typeof createHash>,
): Promise<void> {
  const body = await compressed(payload, { level: 3 });
  const head = Buffer.alloc(FRAME_HEAD);
  head[0] = kind;
  head.writeUInt32BE(body.length, 1);
  const digest = createHash('sha256').update(head.subarray(0, 5)).update(body).digest();
  digest.copy(head, 5, 0, DIGEST_LENGTH);
  chain.update(digest);
  await file.writeFile(Buffer.concat([head, body]));
}
