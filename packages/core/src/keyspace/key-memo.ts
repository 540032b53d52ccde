/** Keys that one keyspace keeps; a power of two. About 1.5 MB when full. */
const SLOTS = 16_384;
/** Longer parameters are encoded each time: keeping them would cost more memory than it is worth. */
const TEXT_LENGTH_MAX = 128;

/**
 * Keeps the keys of recent parameters, so that a read that hits L1 neither builds a string nor hashes one: the
 * same string object comes back, whose hash V8 has kept. A table with one place for each remainder, so that it
 * is bounded, and needs no order.
 */
export function intKeys(encode: (value: unknown) => string): (value: unknown) => string {
  let ids: Float64Array | null = null;
  let keys: string[] = [];
  return (value) => {
    if (typeof value !== 'number') return encode(value);
    const slot = value & (SLOTS - 1);
    // Not Object.is: -0 and 0 are one integer.
    if (ids !== null && ids[slot] === value) return keys[slot]!;
    const key = encode(value);
    if (ids === null) {
      ids = new Float64Array(SLOTS).fill(Number.NaN);
      keys = Array.from({ length: SLOTS }, () => '');
    }
    ids[slot] = value;
    keys[slot] = key;
    return key;
  };
}

/** The same for text: two generations of a map, the older of which is dropped when the younger is full. */
export function textKeys(encode: (value: unknown) => string): (value: unknown) => string {
  let young = new Map<string, string>();
  let old = new Map<string, string>();
  return (value) => {
    if (typeof value !== 'string' || value.length > TEXT_LENGTH_MAX) return encode(value);
    const known = young.get(value);
    if (known !== undefined) return known;
    const key = old.get(value) ?? encode(value);
    if (young.size >= SLOTS / 2) {
      old = young;
      young = new Map();
    }
    young.set(value, key);
    return key;
  };
}
