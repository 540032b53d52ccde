import { mangledBytes, mangledJson } from '@tidemark/conformance/hostile';
import { anyUnit, runs } from '@tidemark/conformance/property';
import {
  compareVersions,
  type Dependency,
  isOrdinal,
  type StoredRecord,
  type StoreMeta,
} from '@tidemark/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dependenciesText, parseDependencies } from './dependencies-text.ts';
import { MetaReader, metaText, readMeta } from './meta-text.ts';
import { readRecord } from './record-bytes.ts';
import { readHistory } from './retained-bytes.ts';

const LIFE = 7;
const ordinal = fc.oneof(fc.nat(9), fc.maxSafeNat(), fc.constant(2 ** 53 - 1));
const version = fc.record({ era: ordinal, n: ordinal });
const position = fc.record({ era: ordinal, xid: ordinal });
const name = fc.stringMatching(/^[!-~]{1,12}$/);
const keyspace = fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/);
const part = fc
  .string({ unit: anyUnit, maxLength: 9 })
  .map((text) => text.toWellFormed().replaceAll(/[\0{}]/g, ''));

const meta: fc.Arbitrary<StoreMeta> = fc.record({
  incarnation: name,
  lineage: name,
  epoch: ordinal,
  revision: ordinal,
  horizon: position,
  base: position,
  scopes: fc
    .uniqueArray(fc.tuple(keyspace, ordinal), { maxLength: 8, selector: ([of]) => of })
    .map((scopes) => new Map(scopes)),
});
const dependency: fc.Arbitrary<Dependency> = fc.record({
  key: fc.tuple(keyspace, part).map((pair) => pair.join(':')),
  version,
  scope: ordinal,
  incarnation: name,
  epoch: ordinal,
});
const dependencies = fc.array(dependency, { minLength: 1, maxLength: 3 });

const BODY_ID = 'AAECAwQFBgcICQoLDA0ODw';

/** The layout of `record-bytes.ts`, written down a second time; with `pointed` the value is in a body. */
function bytesOf({ tidemark, value }: StoredRecord, pointed = false): Buffer {
  const doubles = (...numbers: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(numbers.length * 8);
    for (const [i, n] of numbers.entries()) bytes.writeDoubleBE(n, i * 8);
    return bytes;
  };
  const text = Buffer.from(value ? dependenciesText(value.dependencies) : '');
  const flags = value ? (value.data === null ? 3 : 1) : 0;
  const inBody = pointed && value?.data;
  const head = Buffer.from([0xd4, inBody ? 3 : text.length > 0 ? 2 : 1, flags, 0]);
  const floor = doubles(tidemark.era, tidemark.n);
  if (!value) return Buffer.concat([head, floor]);
  const { version: of, scope, epoch, filledAtMs, freshMs, staleMs, schema } = value;
  const life = Buffer.alloc(4);
  life.writeUInt32BE(LIFE);
  const length = Buffer.alloc(text.length > 0 || inBody ? 4 : 0);
  if (length.length > 0) length.writeUInt32BE(text.length);
  const pointer = Buffer.alloc(inBody ? 26 : 0, BODY_ID);
  if (inBody) pointer.writeUInt32BE(inBody.length, 22);
  return Buffer.concat([
    head,
    floor,
    doubles(of.era, of.n, scope, epoch, filledAtMs, freshMs, staleMs, schema),
    life,
    pointer,
    length,
    text,
    inBody ? Buffer.alloc(0) : (value.data ?? Buffer.alloc(0)),
  ]);
}

const record: fc.Arbitrary<StoredRecord> = fc
  .record({
    tidemark: version,
    below: fc.boolean(),
    value: fc.option(
      fc.record({
        scope: ordinal,
        epoch: ordinal,
        schema: ordinal,
        filledAtMs: ordinal,
        freshMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
        staleMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
        data: fc.option(fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))),
        dependencies: fc.oneof(fc.constant([]), dependencies),
      }),
    ),
  })
  .map(({ tidemark, below, value }) => ({
    tidemark,
    value: value && { ...value, version: below ? { era: 0, n: 0 } : tidemark },
  }));

describe('a record', () => {
  it('comes back whole, and as a tombstone in another life of the store', () => {
    fc.assert(
      fc.property(record, (each) => {
        const bytes = bytesOf(each);
        expect(readRecord(bytes, LIFE)).toEqual({ record: each, unreadable: false, body: null });
        const { tidemark } = each;
        const tombstone = { record: { tidemark, value: null }, unreadable: false, body: null };
        expect(readRecord(bytes, LIFE + 1)).toEqual(tombstone);
      }),
      runs(500),
    );
  });

  it('that points to its value comes back with the pointer, unless nobody may be served that value', () => {
    fc.assert(
      fc.property(record, (each) => {
        const { tidemark, value } = each;
        const read = readRecord(bytesOf(each, true), LIFE);
        if (!value?.data) {
          expect(read).toEqual({ record: each, unreadable: false, body: null });
        } else if (compareVersions(value.version, tidemark) < 0) {
          expect(read).toEqual({ record: { tidemark, value: null }, unreadable: false, body: null });
        } else {
          const body = { id: BODY_ID, length: value.data.length };
          const pointed = { tidemark, value: { ...value, data: new Uint8Array() } };
          expect(read).toEqual({ record: pointed, unreadable: false, body });
        }
      }),
      runs(500),
    );
  });

  it('of any bytes is absent, a tombstone or in range, and never above its tidemark', () => {
    fc.assert(
      fc.property(mangledBytes(fc.tuple(record, fc.boolean()).map((pair) => bytesOf(...pair))), (bytes) => {
        const { record: read, unreadable, body } = readRecord(bytes, LIFE);
        if (body) expect(body.id).toMatch(/^[\w-]{22}$/);
        if (!read) {
          expect(unreadable).toBe(true);
          return;
        }
        expect(isOrdinal(read.tidemark.era) && isOrdinal(read.tidemark.n)).toBe(true);
        const { value } = read;
        if (!value) return;
        expect(unreadable).toBe(false);
        const { version: of, scope, epoch, schema, filledAtMs, freshMs, staleMs } = value;
        expect([of.era, of.n, scope, epoch, schema].filter((n) => !isOrdinal(n))).toEqual([]);
        expect([filledAtMs, freshMs, staleMs].filter((ms) => !(ms >= 0))).toEqual([]);
        expect(compareVersions(of, read.tidemark)).toBeLessThanOrEqual(0);
        // What was read is part of the bytes: no length in them makes the reader ask for memory.
        expect(value.data?.length ?? 0).toBeLessThanOrEqual(bytes.length);
      }),
      runs(2_000),
    );
  });
});

describe('a history', () => {
  it('of any bytes leaves out what it can not read, and says so', () => {
    const whole = fc
      .record({
        schema: ordinal,
        atMs: ordinal,
        negative: fc.boolean(),
        data: fc.uint8Array({ maxLength: 9 }),
      })
      .map(({ schema, atMs, negative, data }) => {
        const head = Buffer.alloc(20);
        head.set([0xd5, 1, negative ? 2 : 0, 0]);
        head.writeDoubleBE(schema, 4);
        head.writeDoubleBE(atMs, 12);
        return Buffer.concat([head, data]);
      });
    const field = fc.oneof(
      version.map(({ era, n }) => `${era}.${n}`),
      fc.constantFrom('01.2', '__proto__', '1'),
    );
    fc.assert(
      fc.property(fc.dictionary(field, fc.oneof(whole, mangledBytes(whole)), { maxKeys: 8 }), (fields) => {
        const { history, unreadable } = readHistory(fields);
        expect(unreadable).toBe(history.length < Object.keys(fields).length);
        for (const [i, { version: of, schema, filledAtMs }] of history.entries()) {
          expect([of.era, of.n, schema].filter((n) => !isOrdinal(n))).toEqual([]);
          expect(filledAtMs).toBeGreaterThanOrEqual(0);
          expect(fields[`${of.era}.${of.n}`]).toBeDefined();
          if (i > 0) expect(compareVersions(history[i - 1]!.version, of)).toBeGreaterThan(0);
        }
      }),
      runs(500),
    );
  });
});

describe('a meta', () => {
  it('comes back whole from its text', () => {
    fc.assert(
      fc.property(meta, (each) => {
        expect(readMeta(metaText(each))).toEqual(each);
      }),
      runs(500),
    );
  });

  it('of any bytes is none, of a later release, or exactly what its text says', () => {
    fc.assert(
      fc.property(mangledBytes(meta.map((each) => Buffer.from(metaText(each)))), (bytes) => {
        const known = new MetaReader().read(bytes);
        if (known === null || known === 'later') return;
        expect(Buffer.from(metaText(known.meta), 'latin1').equals(bytes)).toBe(true);
        const { epoch, revision, horizon, base, scopes } = known.meta;
        const numbers = [epoch, revision, horizon.era, horizon.xid, base.era, base.xid, ...scopes.values()];
        expect(numbers.filter((n) => !isOrdinal(n))).toEqual([]);
      }),
      runs(2_000),
    );
  });
});

describe('dependencies', () => {
  it('come back whole from their text', () => {
    fc.assert(
      fc.property(dependencies, (each) => {
        expect(parseDependencies(dependenciesText(each))).toEqual(each);
      }),
      runs(300),
    );
  });

  it('of any text are none, or as good as those that were written', () => {
    fc.assert(
      fc.property(mangledJson(dependencies.map(dependenciesText)), (text) => {
        const read = parseDependencies(text);
        if (!read) return;
        // As text: -0 is read as it is, and is 0 to everything that compares it.
        const again = dependenciesText(read);
        expect(dependenciesText(parseDependencies(again)!)).toBe(again);
      }),
      runs(1_000),
    );
  });
});
