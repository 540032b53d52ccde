import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type WireMessage } from './wire.ts';

const invalidations = [
  { key: 'city:1', version: { era: 1, n: 7 } },
  { key: 'town', version: { era: 2, n: 9007199254740991 } },
];
const echoes = [{ life: 'asker', ping: 3 }];

const ASK: WireMessage = {
  kind: 'ask',
  id: 'asker-1',
  question: { keys: ['city:1'], hotKeys: 10 },
};
const NOTHING = { held: false, version: null, absent: false, ageMs: 0, freshLeftMs: 0, served: false };
const SEVENTH = { era: 1, n: 7 };
const TELL: WireMessage = {
  kind: 'tell',
  id: 'asker-1',
  answer: {
    region: 'eu',
    node: 'shop-7',
    stats: {
      ...{ reads: 9, l1Hits: 5, l2Hits: 2, loads: 2, staleServes: 0, fillsRefused: 1, storeErrors: 0 },
      ...{ feedGaps: 1, l1Entries: 40, l1Bytes: 4096, l1Evictions: 0, loadsWaiting: 0 },
      stalenessBoundMs: Number.POSITIVE_INFINITY,
    },
    hotKeys: [{ key: 'city:1', reads: 4.5 }],
    entries: [
      {
        ...{ key: 'city:1', held: true, version: SEVENTH, absent: false },
        ...{ ageMs: 120.5, freshLeftMs: 879.5, served: true },
      },
      { key: 'city:2', ...NOTHING },
    ],
    moments: [
      { key: 'city:1', type: 'invalidated', ageMs: 130, version: SEVENTH },
      { key: 'city:1', type: 'filled', ageMs: 125, version: SEVENTH, outcome: 'admitted' },
      { key: 'city:1', type: 'cached', ageMs: 120.5, version: SEVENTH },
      { key: 'city:2', type: 'load-began', ageMs: 3, version: null },
    ],
  },
};

/** As release 0.1 wrote them. They never change: every later release must read them so. */
const FORMAT_1: readonly (readonly [text: string, message: WireMessage])[] = [
  [
    '{"f":1,"k":"bump","ev":[[1,["city:1",7]],[2,["town",9007199254740991]]]}',
    { kind: 'bump', invalidations },
  ],
  [
    '{"f":1,"k":"update","va":[["city:1",1,7,0,1,90,2,"e30="],["city:2",1,8,5,1,90,2,null]]}',
    {
      kind: 'update',
      values: [
        {
          key: 'city:1',
          version: { era: 1, n: 7 },
          scope: 0,
          asOf: { era: 1, xid: 90 },
          schema: 2,
          data: 'e30=',
        },
        {
          key: 'city:2',
          version: { era: 1, n: 8 },
          scope: 5,
          asOf: { era: 1, xid: 90 },
          schema: 2,
          data: null,
        },
      ],
    },
  ],
  [
    '{"f":1,"k":"changes","l":"relay","s":1,"ev":[[1,["city:1",7]],[2,["town",9007199254740991]]]}',
    { kind: 'changes', life: 'relay', seq: 1, invalidations },
  ],
  [
    '{"f":1,"k":"barrier","l":"relay","s":2,"from":{"era":1,"xid":90},"to":{"era":1,"xid":99},"at":1700000000000,"ec":[["asker",3]]}',
    {
      kind: 'barrier',
      life: 'relay',
      seq: 2,
      barrier: { from: { era: 1, xid: 90 }, to: { era: 1, xid: 99 }, atMs: 1_700_000_000_000, echoes },
    },
  ],
  ['{"f":1,"k":"ping","ec":[["asker",3]]}', { kind: 'ping', life: 'asker', ping: 3 }],
  ['{"f":1,"k":"feed","l":"feed","s":5,"ev":[]}', { kind: 'feed', life: 'feed', seq: 5, invalidations: [] }],
  [
    '{"f":1,"k":"feed","l":"feed","s":6,"ev":[],"cl":{"sh":[["store","chain",12]],"wh":true,"ec":[["asker",3]]}}',
    {
      kind: 'feed',
      life: 'feed',
      seq: 6,
      invalidations: [],
      claim: { shown: [{ incarnation: 'store', lineage: 'chain', revision: 12 }], whole: true, echoes },
    },
  ],
  ['{"f":1,"k":"ask","id":"asker-1","ke":["city:1"],"hk":10}', ASK],
  [
    '{"f":1,"k":"tell","id":"asker-1","rg":"eu","no":"shop-7","st":[9,5,2,2,0,1,0,1,40,4096,0,0,null],"hk":[["city:1",4.5]],"en":[["city:1",[1,7],0,120.5,879.5,1],["city:2"]],"mo":[[0,0,130,[1,7]],[0,4,125,[1,7],"admitted"],[0,5,120.5,[1,7]],[1,2,3,null]]}',
    TELL,
  ],
];

describe('format 1', () => {
  it.each(FORMAT_1)('%s is read', (text, message) => {
    expect(decodeMessage(text)).toEqual({ ok: true, message });
  });

  it.each(FORMAT_1)('%s is what this release writes', (text, message) => {
    expect(encodeMessage(message)).toBe(text);
  });
});

describe('messages of later releases', () => {
  it.each(FORMAT_1)('%s, written by format 7 for readers from 1 on, is read', (text, message) => {
    const later = { ...(JSON.parse(text) as object), f: 7, r: 1, new: { deep: [1] } };
    expect(decodeMessage(JSON.stringify(later))).toEqual({ ok: true, message });
  });

  it.each(FORMAT_1)('%s, for later readers only, is left aside with its number', (text, message) => {
    const later = JSON.stringify({ ...(JSON.parse(text) as object), f: 7, r: 2, ev: 'new', va: 'new' });
    const numbering = 'seq' in message ? { life: message.life, seq: message.seq } : null;
    expect(decodeMessage(later)).toMatchObject({ ok: false, later: { numbering } });
  });

  it.each([
    ['{"f":2}', null],
    ['{"f":2,"k":{"new":true}}', null],
    ['{"f":1,"k":"hint"}', null],
    ['{"f":3,"r":1,"k":"digest","l":"relay","s":4}', { life: 'relay', seq: 4 }],
  ])('%s is left aside', (text, numbering) => {
    expect(decodeMessage(text)).toMatchObject({ ok: false, later: { numbering } });
  });

  it.each([
    '{}',
    '{"k":"bump","ev":[]}',
    '{"f":"1","k":"bump","ev":[]}',
    '{"f":0,"k":"bump","ev":[]}',
    '{"f":1.5,"k":"bump","ev":[]}',
    '{"f":1,"r":2,"k":"bump","ev":[]}',
    '{"f":2,"r":0,"k":"bump","ev":[]}',
    '{"f":2,"r":null,"k":"bump","ev":[]}',
    '{"f":1}',
    '{"f":1,"k":7}',
    // Half a number: nobody can tell what went by.
    '{"f":2,"l":"relay"}',
    '{"f":2,"s":1}',
    '{"f":1,"k":"digest","l":"relay","s":0}',
    '{"f":1,"k":"digest","l":"","s":1}',
  ])('%s is not one of them: it is bad', (text) => {
    const decoded = decodeMessage(text);
    expect(decoded.ok).toBe(false);
    expect(decoded).not.toHaveProperty('later');
  });

  it('a reason does not grow with what a sender puts into it', () => {
    const decoded = decodeMessage(JSON.stringify({ f: 1, k: 'x'.repeat(10_000) }));
    expect(decoded.ok ? '' : decoded.why).toHaveLength(40);
  });
});
