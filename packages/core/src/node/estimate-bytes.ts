/** What an entry costs besides its text: the entry itself, its version, and its place in the LRU. */
const ENTRY_BYTES = 350;
const OBJECT_BYTES = 48;
const SLOT_BYTES = 8;
/** Larger than any L1: the walk ends there, in values with cycles too. */
const WALK_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Bytes of memory that an L1 entry takes, about: for a limit, not for a bill. Strings count as one byte a
 * character, as V8 keeps Latin text; numbers and the like are part of their slot.
 */
export function estimateBytes(key: string, value: unknown): number {
  let bytes = ENTRY_BYTES + key.length;
  if (typeof value === 'string') return bytes + value.length;
  if (typeof value !== 'object' || value === null) return bytes;
  const open: object[] = [value];
  for (let each = open.pop(); each !== undefined && bytes < WALK_BYTES_MAX; each = open.pop()) {
    bytes += OBJECT_BYTES;
    if (ArrayBuffer.isView(each)) {
      bytes += each.byteLength;
      continue;
    }
    const children: Iterable<unknown> =
      each instanceof Map
        ? [...each.keys(), ...each.values()]
        : each instanceof Set
          ? each
          : Object.values(each);
    for (const child of children) {
      bytes += SLOT_BYTES;
      if (typeof child === 'string') bytes += child.length;
      else if (typeof child === 'object' && child !== null) open.push(child);
    }
  }
  return bytes;
}
