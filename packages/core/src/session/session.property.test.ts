import { createHmac } from 'node:crypto';
import { mangledBytes } from '@tidemark/conformance/hostile';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_KEYS_MAX, SESSION_NEW } from '../protocol/session-state.ts';
import type { Version } from '../protocol/version.ts';
import { compareVersions, isOrdinal } from '../protocol/version.ts';
import { Session } from './session.ts';
import { decodeSessionToken, encodeSessionToken, SESSION_TOKEN_LENGTH_MAX } from './session-token.ts';

const SECRET = 'a secret of the test';
const OTHER = 'another secret of it';

const version: fc.Arbitrary<Version> = fc.record({
  era: fc.constantFrom(1, 1, 1, 1, 2),
  n: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeNat()),
});
const step = fc.record({
  key: fc.integer({ min: 0, max: 60 }).map((id) => `product:${id}`),
  version,
  scope: fc.constantFrom(0, 0, 0, 7, 9),
  writes: fc.boolean(),
  handsOn: fc.boolean(),
});
const steps = fc.array(step, { maxLength: 80 });

const served = (at: Version, scope = 0) => ({ version: at, scope, dependencies: [] });

/** What a session must remember, without any limit. */
class Ideal {
  readonly known = new Map<string, Version>();
  note(key: string, at: Version): void {
    const before = this.known.get(key);
    if (!before || compareVersions(at, before) > 0) this.known.set(key, at);
  }
}

describe('a session', () => {
  it('is never served below what it wrote or saw, over any history, in any process', () => {
    fc.assert(
      fc.property(steps, version, (history, probe) => {
        let session = new Session([SECRET]);
        const ideal = new Ideal();
        for (const { key, version: at, scope, writes, handsOn } of history) {
          if (writes) session.wrote([{ key, version: at }]);
          else session.saw(key, served(at, scope));
          ideal.note(key, at);
          if (!writes) ideal.note('product', { era: at.era, n: scope });
          if (handsOn) session = new Session([OTHER, SECRET], session.token());
          for (const [known, before] of ideal.known) {
            if (known === 'product' || compareVersions(probe, before) >= 0) continue;
            expect(session.allows(known, served(probe, 9))).toBe(false);
          }
          const whole = ideal.known.get('product')!;
          if (whole && probe.era === whole.era && whole.n > 0) {
            expect(session.allows(key, served({ ...probe, n: Number.MAX_SAFE_INTEGER }, whole.n - 1))).toBe(
              false,
            );
          }
        }
      }),
      runs(60),
    );
  });

  it('is served what it saw last, as long as it remembers it', () => {
    fc.assert(
      fc.property(steps, version, (history, last) => {
        const session = new Session([SECRET]);
        for (const { key, version: at } of history) session.saw(key, served(at));
        const era = Math.max(last.era, ...history.map(({ version: { era: each } }) => each));
        const at = { era, n: Number.MAX_SAFE_INTEGER };
        session.saw('product:1', served(at));
        expect(session.allows('product:1', served(at))).toBe(true);
      }),
      runs(100),
    );
  });

  it('stays small: what it forgets goes into a floor that asks for more, never for less', () => {
    const session = new Session([SECRET]);
    for (let id = 0; id < 1_000; id += 1)
      session.wrote([{ key: `product:${id}`, version: { era: 1, n: 2 ** 52 + id } }]);
    for (let id = 0; id < 20; id += 1)
      session.wrote([{ key: `space${id}`, version: { era: 1, n: 2 ** 52 + id } }]);
    expect(session.token().length).toBeLessThanOrEqual(SESSION_TOKEN_LENGTH_MAX);
    expect(session.allows('product:3', served({ era: 1, n: 2 ** 52 + 3 }, 2 ** 53 - 1))).toBe(false);
    expect(session.allows('product:999', served({ era: 1, n: 2 ** 52 + 999 }, 2 ** 53 - 1))).toBe(true);
    expect(session.allows('product:0', served({ era: 1, n: 2 ** 53 - 1 }, 2 ** 53 - 1))).toBe(true);
    expect(session.allows('product:0', served({ era: 1, n: 2 ** 53 - 1 }, 0))).toBe(false);
  });

  it('asks for the new era of everything once it saw it', () => {
    const session = new Session([SECRET]);
    session.wrote([{ key: 'product:1', version: { era: 1, n: 500 } }]);
    session.saw('product:2', served({ era: 2, n: 3 }));
    expect(session.allows('product:1', served({ era: 1, n: 900 }))).toBe(false);
    expect(session.allows('product:1', served({ era: 2, n: 1 }))).toBe(true);
  });

  it('has no token without a secret, and says how to get one', () => {
    expect(() => new Session([]).token()).toThrow(/sessionSecrets/);
  });
});

describe('a token', () => {
  const hash = fc.stringMatching(/^[0-9a-f]{16}$/);
  const remembered = (max: number) =>
    fc.record({
      floor: fc.maxSafeNat(),
      byHash: fc
        .uniqueArray(fc.tuple(hash, fc.maxSafeNat()), { maxLength: max, selector: ([key]) => key })
        .map((entries) => new Map(entries)),
    });
  const state = fc.record({ era: fc.nat(), keys: remembered(SESSION_KEYS_MAX), scopes: remembered(8) });

  it('gives back what was put in, in order, and is never longer than its limit', () => {
    fc.assert(
      fc.property(state, (known) => {
        const token = encodeSessionToken(known, SECRET);
        expect(token.length).toBeLessThanOrEqual(SESSION_TOKEN_LENGTH_MAX);
        const decoded = decodeSessionToken(token, [OTHER, SECRET]);
        expect(decoded).toEqual(known);
        expect([...decoded.keys.byHash]).toEqual([...known.keys.byHash]);
      }),
      runs(100),
    );
  });

  it('that was changed, cut, or signed by another is refused with a code', () => {
    const refused = (token: string): void =>
      expect(() => decodeSessionToken(token, [SECRET])).toThrow(
        expect.objectContaining({ code: 'E_SESSION_TOKEN' }),
      );
    fc.assert(
      fc.property(state, fc.nat(), fc.string({ minLength: 1, maxLength: 3 }), (known, at, junk) => {
        const token = encodeSessionToken(known, SECRET);
        const cut = at % token.length;
        const changed = token.slice(0, cut) + junk + token.slice(cut + 1);
        // The last character may carry bits that mean nothing.
        if (Buffer.from(changed, 'base64url').equals(Buffer.from(token, 'base64url'))) return;
        refused(changed);
        refused(token.slice(0, cut));
        refused(encodeSessionToken(known, OTHER));
      }),
      runs(100),
    );
    refused('x'.repeat(SESSION_TOKEN_LENGTH_MAX + 1));
  });

  const body = mangledBytes(
    state.map((known) => Buffer.from(encodeSessionToken(known, SECRET), 'base64url').subarray(0, -16)),
  ).filter((bytes) => bytes.length > 0);

  it('that is signed but of another format, or broken inside, is refused as well', () => {
    fc.assert(
      fc.property(body, (body) => {
        const mac = createHmac('sha256', SECRET).update(body).digest().subarray(0, 16);
        const token = Buffer.concat([body, mac]).toString('base64url');
        try {
          const decoded = decodeSessionToken(token, [SECRET]);
          expect(decoded.keys.byHash.size).toBeLessThanOrEqual(SESSION_KEYS_MAX);
          expect([...decoded.keys.byHash.values(), decoded.keys.floor, decoded.era].every(isOrdinal)).toBe(
            true,
          );
          expect([...decoded.keys.byHash.keys()].filter((key) => key.length !== 16)).toEqual([]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_SESSION_TOKEN' });
        }
      }),
      runs<[Buffer]>(500, { examples: [[Buffer.from([2, 0, 0, 0, 0, 0])]] }),
    );
    expect(decodeSessionToken(encodeSessionToken(SESSION_NEW, SECRET), [SECRET])).toEqual(SESSION_NEW);
  });
});
