import { anyUnit, runs } from '@tidemark/conformance/property';
import type { Channel } from '@tidemark/core';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { channelSubject, checkOptions, logSubject, streamName } from './options.ts';

const CHANNELS: readonly Channel[] = ['ping', 'poke', 'hello', 'feed', 'ask', 'tell'];
/** Few and alike, so that they often meet; and what NATS reads as something else. */
const token = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom('a', 'b', '_', '-', '1'), { maxLength: 4 }).map((u) => u.join('')),
  },
  fc
    .array(fc.constantFrom('a', '.', '*', '>', ' ', '\t', '\r\n', '$JS', 'A', '/', '\0', 'é', '\uD800'), {
      maxLength: 4,
    })
    .map((units) => units.join('')),
  fc.string({ unit: anyUnit }),
  fc.constantFrom('constructor', 'toString', '__proto__'),
);

function accepts(source: string, region: string, servers: Readonly<Record<string, object>>): boolean {
  try {
    checkOptions({ source, region, servers: servers as Record<string, { servers: string }> });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'E_CONFIGURATION' });
    return false;
  }
}

it('streams and subjects of different sources and regions never meet, and are plain tokens', () => {
  fc.assert(
    fc.property(token, token, token, token, (source, region, otherSource, other) => {
      const own = accepts(source, region, { [region]: {} });
      if (!own) return;
      const subjects = [
        logSubject(source, region),
        ...CHANNELS.map((c) => channelSubject(source, region, c)),
      ];
      expect(new Set(subjects).size).toBe(CHANNELS.length + 1);
      for (const subject of subjects) expect(subject).toMatch(/^tidemark(\.[a-z0-9_-]+){3}$/);
      expect(streamName(source, region)).toMatch(/^TM_[a-z0-9_-]+$/);
      if (!accepts(otherSource, other, { [other]: {} })) return;
      const same = source === otherSource && region === other;
      expect(streamName(source, region) === streamName(otherSource, other)).toBe(same);
      expect(subjects.includes(logSubject(otherSource, other))).toBe(same);
    }),
    // Both streams were TM_a_a_a, when a region's id could have an underscore.
    runs(3_000, { examples: [['a_a', 'a', 'a', 'a_a']] }),
  );
});

it('a region needs an entry of its own, not one that every object has', () => {
  expect(accepts('a', 'constructor', {})).toBe(false);
  expect(accepts('a', 'constructor', { constructor: {} })).toBe(true);
});
