/** Partitions that one store may have. */
export const PARTITIONS_MAX = 256;

/**
 * The partition of a key: 32-bit FNV-1a over its UTF-16 code units, low byte first, then the finishing
 * mix of MurmurHash3 (the low bits of FNV-1a alone are uneven), modulo the count. Part of the format: all
 * processes of a region must agree.
 */
export function partitionOf(key: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) {
    const unit = key.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) % count;
}
