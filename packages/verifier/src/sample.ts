import type { Version } from '@tidemark/core';

/** FNV-1a: every process that sees the event draws the same. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    value ^= text.charCodeAt(i);
    value = Math.imul(value, 0x01000193);
  }
  // Short texts leave the high bits alike.
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Whether an event belongs to the sample of this share, 0 to 1. */
export function isSampled(key: string, { era, n }: Version, share: number): boolean {
  return share >= 1 || hash(`${key} ${era}.${n}`) < share * 2 ** 32;
}
