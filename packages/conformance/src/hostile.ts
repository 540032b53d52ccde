import * as fc from 'fast-check';
import { anyUnit } from './property.ts';

/** Values that break parsers: nesting, prototypes, numbers at and past every edge, very long lists and texts. */
const hostileJson: fc.Arbitrary<string> = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '1e999',
    '-1e999',
    '-0',
    '9007199254740991',
    '9007199254740992',
    '0.1',
    'null',
    '""',
    '[]',
    '{}',
    '{"__proto__":{"k":"bump","f":1,"ev":[]}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '"__proto__"',
    '"city:\\ud800"',
    '"city:\\u0000"',
    '"city:{x}"',
  ),
  fc.integer({ min: 1, max: 50_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => '{"__proto__":'.repeat(depth) + '1' + '}'.repeat(depth)),
  fc.integer({ min: 1, max: 30_000 }).map((length) => `[${Array(length).fill('0').join(',')}]`),
  fc.integer({ min: 1, max: 30_000 }).map((length) => `"${'A'.repeat(length)}"`),
);

/** A good text of JSON with some of its values replaced, dropped or repeated, or its text cut or changed. */
export function mangledJson(good: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const replaced = fc.tuple(good, fc.nat(), hostileJson).map(([text, at, json]) => {
    const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?!:)|-?\d[\d.e+-]*|\[\]|true|false|null/g)];
    const found = values[at % (values.length || 1)];
    if (!found) return json;
    return text.slice(0, found.index) + json + text.slice(found.index + found[0].length);
  });
  const joined = fc.tuple(good, hostileJson, anyUnit).map(([text, json, name]) => {
    const field = `,${JSON.stringify(name)}:${json},"__proto__":${json}}`;
    return text.endsWith('}') ? text.slice(0, -1) + field : text + json;
  });
  const changed = fc
    .tuple(good, fc.nat(), fc.nat(3), fc.string({ unit: anyUnit, maxLength: 3 }))
    .map(([text, at, gone, put]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + put + text.slice(cut + gone);
    });
  const truncated = fc.tuple(good, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1)));
  return fc.oneof(replaced, joined, changed, truncated, hostileJson, fc.string({ unit: anyUnit }));
}

/** Good bytes with some bits flipped, a piece cut out or put in, or an end lost; or any bytes at all. */
export function mangledBytes(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  const flipped = fc
    .tuple(good, fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 4 }))
    .map(([bytes, flips]) => {
      const copy = Buffer.from(bytes);
      for (const [at, bit] of flips) if (copy.length > 0) copy[at % copy.length]! ^= 1 << bit;
      return copy;
    });
  const edges = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff);
  const overwritten = fc
    .tuple(good, fc.nat(), fc.array(edges, { minLength: 1, maxLength: 8 }))
    .map(([bytes, at, put]) => {
      const copy = Buffer.from(bytes);
      copy.set(put.slice(0, Math.max(0, copy.length - (at % (copy.length + 1)))), at % (copy.length + 1));
      return copy;
    });
  const resized = fc
    .tuple(good, fc.nat(), fc.nat(9), fc.uint8Array({ maxLength: 9 }))
    .map(([bytes, at, gone, put]) => {
      const cut = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, cut), put, bytes.subarray(cut + gone)]);
    });
  const truncated = fc
    .tuple(good, fc.nat())
    .map(([bytes, at]) => Buffer.from(bytes.subarray(0, at % (bytes.length + 1))));
  const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof(flipped, overwritten, resized, truncated, any);
}
