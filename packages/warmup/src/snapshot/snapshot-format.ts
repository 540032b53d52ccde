/*
 * A snapshot is MAGIC, frames, END. A frame:
 *
 * | byte | what |
 * |---|---|
 * | 0 | kind: 1 header (the first), 2 block, 3 trailer (the last) |
 * | 1 | length of the body (4 bytes, big-endian) |
 * | 5 | SHA-256 of bytes 0 to 4 and the body |
 * | 37 | body: gzip of MessagePack |
 *
 * Header: [format, source, region, saved at (ms since 1970)]. Block: see `snapshot-block.ts`. Trailer: [blocks, values,
 * SHA-256 of the digests of all frames before].
 */
export const MAGIC = Buffer.from('tidemark snapshot\n');
export const END = Buffer.from('end of snapshot\n');
export const FORMAT = 1;
export const KIND = { header: 1, block: 2, trailer: 3 } as const;
export const DIGEST_LENGTH = 32;
export const FRAME_HEAD = 5 + DIGEST_LENGTH;
/** Of a body, before and after compression. */
export const FRAME_MAX = 64 * 1024 * 1024;
