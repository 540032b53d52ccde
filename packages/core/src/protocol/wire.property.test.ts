import { mangledJson } from '@tidemark/conformance/hostile';
import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeKeyPart, isKey, joinKey } from './key.ts';
import { PARTITIONS_MAX } from './partition.ts';
import { isPosition } from './position.ts';
import { isOrdinal, isVersion } from './version.ts';
import { ANSWER_MOMENTS_MAX, type L1Facts, QUESTION_KEYS_MAX } from './question.ts';
import { decodeMessage, encodeMessage, MESSAGE_EVENTS_MAX, type WireMessage } from './wire.ts';

const ordinal = fc.maxSafeNat();
const version = fc.record({ era: fc.integer({ min: 0, max: 9 }), n: ordinal });
const position = fc.record({ era: ordinal, xid: ordinal });
const key = fc
  .tuple(
    fc.constantFrom('city', 'a_b-c'),
    fc.array(
      fc.string({ unit: anyUnit, maxLength: 20 }).map((text) => text.toWellFormed().replaceAll('\0', '')),
      { maxLength: 3 },
    ),
  )
  .map(([keyspace, parts]) => (parts.length === 0 ? keyspace : joinKey(keyspace, parts.map(encodeKeyPart))));
const invalidations = fc.array(fc.record({ key, version }), { maxLength: 20 });
const life = fc.string({ minLength: 1, maxLength: 64 });
const number = { life, seq: fc.integer({ min: 1 }) };
const echoes = fc.array(fc.record({ life, ping: ordinal }), { maxLength: 5 });

const amount = fc.double({ min: 0, max: 1e9, noNaN: true, noDefaultInfinity: true });
const maybeVersion = fc.option(version);
const facts: fc.Arbitrary<L1Facts> = fc.oneof(
  key.map((each) => ({
    ...{ key: each, held: false, version: null, absent: false, ageMs: 0, freshLeftMs: 0, served: false },
  })),
  fc.record({
    key,
    held: fc.constant(true),
    version: maybeVersion,
    absent: fc.boolean(),
    ageMs: amount,
    freshLeftMs: amount,
    served: fc.boolean(),
  }),
);
const stats = fc.record({
  ...{ reads: ordinal, l1Hits: ordinal, l2Hits: ordinal, loads: ordinal, staleServes: ordinal },
  ...{ fillsRefused: ordinal, storeErrors: ordinal, feedGaps: ordinal, l1Entries: ordinal, l1Bytes: ordinal },
  ...{ l1Evictions: ordinal, loadsWaiting: ordinal },
  stalenessBoundMs: fc.oneof(amount, fc.constant(Number.POSITIVE_INFINITY)),
});
const answer = fc
  .record({
    region: life,
    node: life,
    stats,
    hotKeys: fc.array(fc.record({ key, reads: amount }), { maxLength: 5 }),
    entries: fc.uniqueArray(facts, { minLength: 1, maxLength: 4, selector: (each) => each.key }),
    noted: fc.array(
      fc.record(
        {
          at: fc.nat(),
          type: fc.constantFrom('invalidated' as const, 'filled' as const, 'cached' as const),
          ageMs: amount,
          version: maybeVersion,
          outcome: fc.constantFrom('admitted' as const, 'below-tidemark' as const),
        },
        { requiredKeys: ['at', 'type', 'ageMs', 'version'] },
      ),
      { maxLength: 4 },
    ),
  })
  .map(({ noted, ...rest }) => ({
    ...rest,
    moments: noted.map(({ at, ...moment }) => ({
      key: rest.entries[at % rest.entries.length]!.key,
      ...moment,
    })),
  }));

const message: fc.Arbitrary<WireMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    id: life,
    question: fc.record({ keys: fc.array(key, { maxLength: 5 }), hotKeys: fc.nat(100) }),
  }),
  fc.record({ kind: fc.constant('tell' as const), id: life, answer }),
  fc.record({ kind: fc.constant('bump' as const), invalidations }),
  fc.record({
    kind: fc.constant('update' as const),
    values: fc.array(
      fc.record({
        key,
        version,
        scope: ordinal,
        asOf: position,
        schema: ordinal,
        data: fc.option(fc.base64String()),
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ kind: fc.constant('changes' as const), ...number, invalidations }),
  fc.record({
    kind: fc.constant('barrier' as const),
    ...number,
    barrier: fc.record({ from: position, to: position, atMs: fc.integer(), echoes }),
  }),
  fc.record({ kind: fc.constant('ping' as const), life, ping: ordinal }),
  fc.record(
    {
      kind: fc.constant('feed' as const),
      ...number,
      invalidations,
      claim: fc.record({
        shown: fc.array(fc.record({ incarnation: life, lineage: life, revision: ordinal }), { maxLength: 4 }),
        whole: fc.boolean(),
        echoes,
      }),
    },
    { requiredKeys: ['kind', 'life', 'seq', 'invalidations'] },
  ),
);

/** Messages of one era keep their events' order; several eras are grouped. */
function sorted(value: WireMessage): unknown {
  if (!('invalidations' in value)) return value;
  return { ...value, invalidations: value.invalidations.toSorted((a, b) => a.version.era - b.version.era) };
}

describe('wire format', () => {
  it('round-trips every message', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const decoded = decodeMessage(encodeMessage(sent));
        expect(decoded.ok).toBe(true);
        if (decoded.ok) expect(sorted(decoded.message)).toEqual(sorted(sent));
      }),
      runs(100),
    );
  });

  it('answers anything else with a reason, and never throws', () => {
    fc.assert(
      fc.property(mangledJson(message.map(encodeMessage)), (text) => {
        const decoded = decodeMessage(text);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
        if (!decoded.ok) {
          expect(decoded.why).not.toBe('');
          expect(decoded.why.length).toBeLessThan(60);
        } else {
          const again = decodeMessage(encodeMessage(decoded.message));
          // As text: -0 is read as it is, and is 0 to everything that compares it.
          expect(JSON.stringify(again.ok && sorted(again.message))).toBe(
            JSON.stringify(sorted(decoded.message)),
          );
        }
      }),
      runs(
        1_000, // One era in two groups: encoding joins them, and the order of events means nothing.
        {
          examples: [
            ['{"f":1,"k":"bump","ev":[[0,["a",1]],[1,["b",1]],[0,["c",1]]]}'],
            [
              '{"f":1,"k":"barrier","l":"a","s":1,"from":{"era":1,"xid":1},"to":{"era":1,"xid":1},"at":1e999,"ec":[]}',
            ],
          ],
        },
      ),
    );
  });

  it('believes nothing of a message but what is in range, whatever a peer sends', () => {
    fc.assert(
      fc.property(mangledJson(message.map(encodeMessage)), (text) => {
        const decoded = decodeMessage(text);
        if (!decoded.ok) return;
        const sent = decoded.message;
        expect(Object.getPrototypeOf(sent)).toBe(Object.prototype);
        if ('seq' in sent) expect(sent.seq).toBeGreaterThan(0);
        if ('life' in sent) expect(sent.life.length >= 1 && sent.life.length <= 64).toBe(true);
        if (sent.kind === 'ask') {
          const { keys = [], hotKeys = 0 } = sent.question;
          expect(keys.length <= QUESTION_KEYS_MAX && keys.every(isKey)).toBe(true);
          expect(isOrdinal(hotKeys)).toBe(true);
        }
        if (sent.kind === 'tell') {
          const { entries, moments, hotKeys, stats: told } = sent.answer;
          expect(entries.length).toBeLessThanOrEqual(QUESTION_KEYS_MAX);
          expect(moments.length).toBeLessThanOrEqual(ANSWER_MOMENTS_MAX);
          for (const { key: named, version: said } of [...entries, ...moments])
            expect(isKey(named) && (said === null || isVersion(said))).toBe(true);
          expect(hotKeys.filter((each) => !isKey(each.key) || !Number.isFinite(each.reads))).toEqual([]);
          expect(Object.values(told).filter((value) => !(value >= 0))).toEqual([]);
        }
        const named = 'invalidations' in sent ? sent.invalidations : 'values' in sent ? sent.values : [];
        expect(named.length).toBeLessThanOrEqual(MESSAGE_EVENTS_MAX);
        expect(named.filter((each) => !isKey(each.key) || !isVersion(each.version))).toEqual([]);
        if (sent.kind === 'barrier') {
          const { from, to, atMs } = sent.barrier;
          expect(isPosition(from) && isPosition(to) && Number.isFinite(atMs)).toBe(true);
        }
        if (sent.kind === 'feed' && sent.claim) {
          expect(sent.claim.shown.length).toBeLessThanOrEqual(PARTITIONS_MAX);
          expect(sent.claim.shown.filter(({ revision }) => !isOrdinal(revision))).toEqual([]);
        }
      }),
      runs(1_000),
    );
  });

  it('refuses more events than the limit', () => {
    const many = Array.from({ length: MESSAGE_EVENTS_MAX + 1 }, (_, n) => ({
      key: `k:${n}`,
      version: { era: 1, n },
    }));
    expect(decodeMessage(encodeMessage({ kind: 'bump', invalidations: many }))).toMatchObject({ ok: false });
  });
});
