import { describe, expect, it } from 'vitest';
import { lifeOf, readMeta } from './meta-text.ts';
import { readRecord } from './record-bytes.ts';
import { bodyBytes, readBody } from './value-body.ts';

const INCARNATION = 'a-store';
const LIFE = lifeOf(INCARNATION);

/** Bytes as release 0.1 wrote them, in words of eight. They never change. */
function hex(...words: readonly string[]): Buffer {
  return Buffer.from(words.join('').replaceAll(' ', ''), 'hex');
}
const HEAD = [
  '3ff0000000000000', // Tidemark: era 1
  '401c000000000000', // n 7
] as const;
const VALUE = [
  '3ff0000000000000', // Version: era 1
  '401c000000000000', // n 7
  '4014000000000000', // Scope 5
  '4000000000000000', // Epoch 2
  '4278bcfe56800000', // Filled at 1,700,000,000,000
  '40ed4c0000000000', // Fresh 60,000
  '408f400000000000', // Stale 1,000
  '4008000000000000', // Schema 3
  '23881665',
] as const;

const known = {
  version: { era: 1, n: 7 },
  scope: 5,
  epoch: 2,
  filledAtMs: 1_700_000_000_000,
  freshMs: 60_000,
  staleMs: 1_000,
  schema: 3,
};
const tidemark = { era: 1, n: 7 };

describe('records as release 0.1 wrote them', () => {
  it('a tombstone', () => {
    expect(readRecord(hex('d4010000', ...HEAD), LIFE)).toEqual({
      record: { tidemark, value: null },
      unreadable: false,
      body: null,
    });
  });

  it('a value', () => {
    const { record } = readRecord(hex('d4010100', ...HEAD, ...VALUE, '7b7d'), LIFE);
    expect(record).toEqual({
      tidemark,
      value: { ...known, data: Buffer.from('{}'), dependencies: [] },
    });
  });

  it('absence', () => {
    const { record } = readRecord(hex('d4010300', ...HEAD, ...VALUE), LIFE);
    expect(record?.value).toEqual({ ...known, data: null, dependencies: [] });
  });

  it('a value with dependencies, format 2', () => {
    const text = Buffer.from('[["town:2",1,6,0,"a-store",2]]');
    const bytes = hex('d4020100', ...HEAD, ...VALUE, '0000001e', text.toString('hex'), '7b7d');
    expect(readRecord(bytes, LIFE).record?.value).toEqual({
      ...known,
      data: Buffer.from('{}'),
      dependencies: [
        { key: 'town:2', version: { era: 1, n: 6 }, scope: 0, incarnation: 'a-store', epoch: 2 },
      ],
    });
  });

  it('a value in a body, format 3, with and without dependencies', () => {
    const text = Buffer.from('[["town:2",1,6,0,"a-store",2]]');
    const id = 'AAECAwQFBgcICQoLDA0ODw';
    const pointer = Buffer.from(id).toString('hex');
    const alone = readRecord(hex('d4030100', ...HEAD, ...VALUE, pointer, '00010000', '00000000'), LIFE);
    expect(alone).toEqual({
      record: { tidemark, value: { ...known, data: new Uint8Array(), dependencies: [] } },
      unreadable: false,
      body: { id, length: 65_536 },
    });
    const more = [pointer, '00010000', '0000001e', text.toString('hex')];
    const { record } = readRecord(hex('d4030100', ...HEAD, ...VALUE, ...more), LIFE);
    expect(record?.value?.dependencies).toMatchObject([{ key: 'town:2', version: { era: 1, n: 6 } }]);
  });

  it('a body', () => {
    const id = 'AAECAwQFBgcICQoLDA0ODw';
    const bytes = Buffer.concat([Buffer.from('d6010000', 'hex'), Buffer.from(id), Buffer.from('{}')]);
    expect(readBody(bytes, { id, length: 2 })).toEqual(Buffer.from('{}'));
    expect(bodyBytes(id, Buffer.from('{}'))).toEqual(bytes);
  });

  it('of a format to come, only the tidemark', () => {
    expect(readRecord(hex('d4040100', ...HEAD, 'ffffffffffffffff'), LIFE)).toEqual({
      record: { tidemark, value: null },
      unreadable: true,
      body: null,
    });
  });
});

it('the meta as release 0.1 wrote it', () => {
  expect(readMeta('1 a-store a-chain 2 30 1 400 1 300 city=7 town=8')).toEqual({
    incarnation: INCARNATION,
    lineage: 'a-chain',
    epoch: 2,
    revision: 30,
    horizon: { era: 1, xid: 400 },
    base: { era: 1, xid: 300 },
    scopes: new Map([
      ['city', 7],
      ['town', 8],
    ]),
  });
});
