import { anyUnit, runs } from '@tidemark/conformance/property';
import { isKey } from '@tidemark/core';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyNames } from './key-names.ts';
import { resolveRedisOptions } from './options.ts';

const key = fc
  .array(
    fc.constantFrom(':', 'lease', 'history', 'meta', 'role', '*', '[', '?', '\\', ' ', '\r\n', '%7D', '😀'),
    {
      maxLength: 4,
    },
  )
  .map((units) => `a:${units.join('')}`);
const namespace = fc.oneof(
  fc.constantFrom('a', 'tidemark', 'a.b', 'a-b', 'meta', 'role'),
  fc.tuple(fc.constantFrom('a', 'tidemark'), fc.constantFrom(1, 2, 16)).map(([of, n]) => `${of}:{0/${n}}`),
);
const named = fc.record({
  namespace,
  kind: fc.constantFrom('record' as const, 'lease' as const, 'history' as const, 'role' as const),
  of: fc.oneof(key, fc.constantFrom('a:applier', 'a:meta')),
});

it('no two things of any stores that share a server have one name', () => {
  fc.assert(
    fc.property(named, named, (a, b) => {
      const name = ({ namespace: of, kind, of: what }: typeof a) => new KeyNames(of)[kind](what);
      const same = a.namespace === b.namespace && a.kind === b.kind && a.of === b.of;
      expect(name(a) === name(b)).toBe(same);
      for (const each of new KeyNames(a.namespace).state) expect(each).not.toBe(name(b));
    }),
    runs(2_000),
  );
});

it('a key, its lease and its history lie in one slot, and the key comes back from its name', () => {
  const slot = (name: string): string => /\{([^}]+)\}/.exec(name)?.[1] ?? name;
  fc.assert(
    fc.property(namespace, key, (of, each) => {
      const names = new KeyNames(of);
      expect(isKey(each)).toBe(true);
      expect(names.keyOf(names.record(each))).toBe(each);
      const tagged = of.includes('{') ? slot(of) : each;
      for (const name of [names.record(each), names.lease(each), names.history(each)]) {
        expect(slot(name)).toBe(tagged);
      }
    }),
    runs(500),
  );
});

it("a namespace is refused unless its names can be no other one's", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: anyUnit }), fc.stringMatching(/^[\w.:{}* -]{0,8}$/)), (text) => {
      const open = () => resolveRedisOptions({ url: 'redis://127.0.0.1:6379', namespace: text });
      if (/^[A-Za-z0-9_.-]{1,64}$/.test(text) && !text.includes('\n')) expect(open().namespace).toBe(text);
      else expect(open).toThrow(expect.objectContaining({ code: 'E_CONFIGURATION' }));
    }),
    runs(300, { examples: [['a:b'], ['a{b'], ['a\n'], ['']] }),
  );
});
