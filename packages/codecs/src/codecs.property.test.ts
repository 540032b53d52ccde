import { isDeepStrictEqual } from 'node:util';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { mangledBytes } from '@tidemark/conformance/hostile';
import { anyUnit, runs } from '@tidemark/conformance/property';
import { type Codec, jsonCodec } from '@tidemark/core';
import { encode as bareMessagePack } from '@msgpack/msgpack';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressed, type CompressionAlgorithm, messagePackCodec } from './index.ts';

const messagePack = messagePackCodec();
const text = fc.string({ unit: anyUnit, maxLength: 80 });
const name = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toJSON', '\ud800'), text);

/** Everything that MessagePack of ours carries, in everything that can hold it. */
const { carried } = fc.letrec<{ carried: unknown }>((tie) => ({
  carried: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, undefined, true, Infinity, -Infinity, Number.NaN, 2 ** 53, 1n << 200n, -1n),
    fc.double().map((each) => each + 0),
    fc.maxSafeInteger().map((each) => each + 0),
    fc.bigInt(),
    text,
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.float64Array(),
    fc.int16Array(),
    fc.uint8ClampedArray(),
    fc.bigUint64Array(),
    fc.array(tie('carried'), { maxLength: 4 }),
    fc.dictionary(name, tie('carried'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(tie('carried'), tie('carried')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(tie('carried'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
}));

const plain = fc.jsonValue();
const CODECS: Readonly<Record<string, Codec>> = {
  json: jsonCodec,
  messagePack,
  'compressed json': compressed(jsonCodec, { aboveBytes: 0 }),
  'compressed messagePack': compressed(messagePack, { aboveBytes: 0 }),
  'twice compressed messagePack': compressed(compressed(messagePack, { aboveBytes: 0, algorithm: 'gzip' }), {
    aboveBytes: 0,
    algorithm: 'brotli',
  }),
};

const kindOf = (codec: string): string => (codec.includes('json') ? 'json' : 'messagePack');
const isCompressed = (codec: string): boolean => codec.includes('compressed');

/** Every refusal has a code, and nothing that is not asked for changes. */
function refusedOr<T>(decode: () => T): { readonly value: T } | null {
  try {
    return { value: decode() };
  } catch (error) {
    expect(error).toMatchObject({ code: 'E_FORMAT' });
    return null;
  } finally {
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(PROTOTYPE_NAMES);
  }
}
const PROTOTYPE_NAMES = Object.getOwnPropertyNames(Object.prototype).length;

describe('MessagePack', () => {
  it('gives every supported value back unchanged', () => {
    fc.assert(
      fc.property(carried, (value) => {
        const back = messagePack.decode(messagePack.encode(value));
        expect(isDeepStrictEqual(back, value)).toBe(true);
      }),
      runs<[unknown]>(1_500, {
        examples: [
          [JSON.parse('{"__proto__":{"polluted":1}}')],
          [{ a: undefined }],
          ['\udc00'],
          [new Map([[{}, new Map([[Number.NaN, [undefined]]])]])],
        ],
      }),
    );
  });

  it('refuses what it would change, and says where', () => {
    const odd = fc.constantFrom<unknown>(
      () => 1,
      Symbol('x'),
      new (class Row {})(),
      new Error('x'),
      /x/,
      new DataView(new ArrayBuffer(1)),
      new ArrayBuffer(1),
      new WeakMap(),
      Promise.resolve(),
    );
    fc.assert(
      fc.property(odd, fc.array(name, { maxLength: 4 }), (value, path) => {
        const whole = path.reduceRight<unknown>((inner, step) => Object.fromEntries([[step, inner]]), value);
        expect(() => messagePack.encode(whole)).toThrow(expect.objectContaining({ code: 'E_VALUE', path }));
      }),
      runs(300),
    );
    const loop: unknown[] = [];
    loop.push(new Map([[1, loop]]), loop);
    let deep: unknown = [];
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    for (const value of [loop, deep]) {
      expect(() => messagePack.encode(value)).toThrow(expect.objectContaining({ code: 'E_VALUE' }));
    }
  });

  it('carries an invalid date', () => {
    expect(messagePack.decode(messagePack.encode(new Date(Number.NaN)))).toEqual(new Date(Number.NaN));
  });

  it('carries what is nested as deeply as it says', () => {
    let deep: unknown = new Map([[1, 2]]);
    for (let level = 1; level < 500; level += 1) deep = level % 2 ? [deep] : { deep };
    expect(isDeepStrictEqual(messagePack.decode(messagePack.encode(deep)), deep)).toBe(true);
  });
});

describe('every codec', () => {
  it('decodes any bytes to a value, or refuses them with a code', () => {
    const codec = fc.constantFrom(...Object.values(CODECS));
    const drawn = codec.chain((each) =>
      fc.tuple(fc.constant(each), mangledBytes(plain.map((value) => each.encode(value)))),
    );
    fc.assert(
      fc.property(drawn, ([each, bytes]) => void refusedOr(() => each.decode(bytes))),
      runs(2_000),
    );
    const good = carried.map((value) => messagePack.encode(value));
    fc.assert(
      fc.property(mangledBytes(good), (bytes) => void refusedOr(() => messagePack.decode(bytes))),
      runs(3_000),
    );
  });

  it('refuses what ends too early, wherever it is cut', () => {
    fc.assert(
      fc.property(carried, fc.nat(), (value, at) => {
        for (const codec of [messagePack, CODECS['compressed messagePack']!]) {
          const bytes = codec.encode(value);
          expect(refusedOr(() => codec.decode(bytes.subarray(0, at % bytes.length)))).toBeNull();
        }
      }),
      runs(500),
    );
  });

  it.each(Object.keys(CODECS))(
    '%s refuses what another one has written, or reads the same value',
    (reader) => {
      fc.assert(
        fc.property(plain, (value) => {
          for (const [writer, codec] of Object.entries(CODECS)) {
            const read = refusedOr(() => CODECS[reader]!.decode(codec.encode(value)));
            if (read) expect(read.value).toEqual(JSON.parse(JSON.stringify(value)));
            if (kindOf(reader) !== kindOf(writer)) expect(read).toBeNull();
            // A codec without compression reads what another left uncompressed, and nothing else.
            else if (reader === writer || isCompressed(reader)) expect(read).not.toBeNull();
          }
        }),
        runs(200),
      );
    },
  );

  it('refuses bytes of other programs', () => {
    const others = [
      bareMessagePack({ a: 1 }),
      Buffer.from([0xc1, 2, 0xc0]),
      deflateSync('{}'),
      gzipSync('{}'),
      brotliCompressSync('{}'),
      Buffer.from('\x80\x04\x95', 'latin1'),
      Buffer.from('O:8:"stdClass":0:{}'),
      Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]).subarray(0, 3),
      Buffer.alloc(0),
    ];
    for (const [reader, codec] of Object.entries(CODECS)) {
      for (const bytes of others)
        expect([reader, refusedOr(() => codec.decode(bytes))]).toEqual([reader, null]);
    }
  });
});

describe('bytes that promise more than they are', () => {
  const body = (...bytes: readonly number[]): Buffer => Buffer.from([0xc1, 1, ...bytes]);

  it.each([
    ['a list of four thousand million members', body(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['an object of as many', body(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['lists in lists, each as long as all that is left', Buffer.concat([body(), nestedLists(20_000)])],
    ['a text of as many characters', body(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['an extension of as many bytes', body(0xc9, 0xff, 0xff, 0xff, 0xff, 3)],
    ['a date of one byte', body(0xd4, 2, 0)],
    ['a date without bytes', body(0xc7, 0, 2)],
    ['a number without digits', body(0xc7, 0, 5)],
    ['a set of a number', body(0xd4, 4, 1)],
    ['a map with half a pair', body(0xd5, 3, 0x91, 1)],
    ['an extension of another program', body(0xd4, 99, 1)],
    ['a typed array of no kind', body(0xd4, 6, 200)],
    ['half an element', body(0xd5, 6, 9, 1)],
    ['two values', body(0xc0, 0xc0)],
    ['a property named __proto__', body(0x81, 0xa9, ...Buffer.from('__proto__'), 0x80)],
  ])('%s: refused', (_, bytes) => {
    expect(refusedOr(() => messagePack.decode(bytes))).toBeNull();
  });

  it.each(['deflate', 'gzip', 'brotli'] as const)('a bomb of %s is not unpacked', (algorithm) => {
    const maxBytes = 100_000;
    const writer = compressed(jsonCodec, { algorithm });
    const reader = compressed(jsonCodec, { algorithm, maxBytes });
    const bomb = writer.encode('x'.repeat(5_000_000));
    expect(bomb.byteLength).toBeLessThan(maxBytes);
    expect(refusedOr(() => reader.decode(bomb))).toBeNull();
    expect(refusedOr(() => reader.decode(writer.encode('x'.repeat(5_000))))).toEqual({
      value: 'x'.repeat(5_000),
    });
    expect(() => reader.encode('x'.repeat(100_000))).toThrow(expect.objectContaining({ code: 'E_VALUE' }));
  });
});

function nestedLists(depth: number): Buffer {
  const bytes = Buffer.alloc(depth * 3);
  for (let level = 0; level < depth; level += 1) {
    bytes[level * 3] = 0xdc;
    bytes.writeUInt16BE(Math.min(0xffff, (depth - level) * 3), level * 3 + 1);
  }
  return bytes;
}

describe('compression', () => {
  it('gives every value back, whichever algorithm wrote it, and short or stubborn bytes as they are', () => {
    const algorithm = fc.constantFrom<CompressionAlgorithm>('deflate', 'gzip', 'brotli');
    fc.assert(
      fc.property(carried, algorithm, algorithm, fc.nat(200), (value, one, other, aboveBytes) => {
        const bytes = compressed(messagePack, { aboveBytes, algorithm: one }).encode(value);
        const back = compressed(messagePack, { algorithm: other }).decode(bytes);
        expect(isDeepStrictEqual(back, value)).toBe(true);
        const bare = messagePack.encode(value);
        expect(bytes.byteLength).toBeLessThanOrEqual(bare.byteLength);
        if (bare.byteLength <= aboveBytes) expect(Buffer.compare(bytes, bare)).toBe(0);
      }),
      runs(500),
    );
    const rows = Array.from({ length: 100 }, (_, id) => ({ id, name: `product ${id}` }));
    const codec = compressed(jsonCodec);
    expect(codec.encode(rows).byteLength).toBeLessThan(jsonCodec.encode(rows).byteLength / 3);
  });

  it('refuses options that can not work', () => {
    for (const options of [
      { aboveBytes: -1 },
      { maxBytes: 0 },
      { maxBytes: 1.5 },
      { algorithm: 'constructor' as never },
    ]) {
      expect(() => compressed(jsonCodec, options)).toThrow(
        expect.objectContaining({ code: 'E_CONFIGURATION' }),
      );
    }
  });
});
