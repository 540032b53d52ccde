import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetaReader, metaText, readMeta } from './meta-text.ts';

const TEXT = '1 life line 2 30 1 400 1 300 city=7 town=8';

describe('meta text', () => {
  it('reads what the scripts write', () => {
    expect(readMeta(TEXT)).toEqual({
      incarnation: 'life',
      lineage: 'line',
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

  it('is null for anything but the canonical form, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.nat(TEXT.length), fc.string()).map(([at, text]) => TEXT.slice(0, at) + text),
        ),
        (text) => {
          const meta = readMeta(text);
          expect(meta === null || metaText(meta) === text).toBe(true);
        },
      ),
      runs(100),
    );
  });

  it('is parsed again only when it changed', () => {
    const reader = new MetaReader();
    const bytes = Buffer.from(TEXT);
    const first = reader.read(bytes);
    bytes.fill(0); // The reply's memory is not ours to keep.
    expect(reader.read(Buffer.from(TEXT))).toBe(first);
    expect(reader.read(Buffer.from(TEXT.replace('30', '31')))).toMatchObject({ meta: { revision: 31 } });
    expect(reader.read(Buffer.from(TEXT.replace('1 ', '2 ')))).toBe('later');
    expect(reader.read(Buffer.from('junk'))).toBeNull();
    expect(reader.read(Buffer.from('junk'))).toBeNull();
  });
});
