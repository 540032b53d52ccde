import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CopiedBlock } from '../copied-block.ts';
import { encode } from '@msgpack/msgpack';
import { openSnapshot } from './open-snapshot.ts';
import { END, FRAME_HEAD, MAGIC } from './snapshot-format.ts';
import { writeSnapshot } from './write-snapshot.ts';

const HEADER = { source: 'shop', region: 'us', savedAtMs: 1_700_000_000_000 };
let dir: string;
let path: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tidemark-snapshot-'));
  path = join(dir, 'snapshot');
});
afterAll(() => rm(dir, { recursive: true }));

const ordinal = fc.nat();
const key = fc
  .string({ maxLength: 8, unit: 'grapheme' })
  .map((text) => `city:${text.replaceAll(/[{}\0]/g, '')}`);
const label = fc.record({ key, version: fc.record({ era: ordinal, n: ordinal }), scope: ordinal });
const block: fc.Arbitrary<CopiedBlock> = fc.record({
  asOf: fc.record({ era: ordinal, xid: ordinal }),
  values: fc.array(
    fc
      .tuple(
        label,
        fc.record({
          schema: ordinal,
          freshMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
          staleMs: fc.nat(),
          data: fc.option(fc.uint8Array({ maxLength: 64 })),
          dependencies: fc.array(label, { maxLength: 2 }),
        }),
      )
      .map(([a, b]) => ({ ...a, ...b })),
    { maxLength: 5 },
  ),
});

async function* each(blocks: readonly CopiedBlock[]): AsyncGenerator<CopiedBlock> {
  yield* blocks;
}

async function readBack(): Promise<CopiedBlock[]> {
  const snapshot = await openSnapshot(path);
  const found: CopiedBlock[] = [];
  try {
    expect(snapshot.header).toEqual(HEADER);
    for await (const one of snapshot.blocks()) found.push(one);
  } finally {
    await snapshot.close();
  }
  return found;
}

const plain = (blocks: readonly CopiedBlock[]): unknown =>
  blocks.map(({ asOf, values }) => ({
    asOf: { ...asOf },
    values: values.map((value) => ({ ...value, data: value.data && [...value.data] })),
  }));

const SMALL: CopiedBlock[] = [1, 2].map((n) => ({
  asOf: { era: 1, xid: 5 },
  values: [
    {
      key: `city:${n}`,
      version: { era: 1, n },
      scope: 0,
      schema: 1,
      freshMs: 9,
      staleMs: 0,
      data: new Uint8Array([n]),
      dependencies: [],
    },
  ],
}));

/** `SMALL` as release 0.1 saved it. It never changes. */
const GOLDEN = [
  'dGlkZW1hcmsgc25hcHNob3QKAQAAACdw/k/nPEThnzQhH1fNWEEKdBYK3gYEDh/+xxCaBc0EIx+LCAAAAAAAAAObwrikOCO/',
  'YFFp8XkGBsbu808zGACZ/xPpEwAAAAIAAAAqxbjmB04vB6DgU99RKjsfgZUZg3tNKUp+y0sszQFyhxYfiwgAAAAAAAADm8zI',
  'OnHmsuTMkkorQ0ZGBkZOhiOMjBMA0zTfQxYAAAACAAAAKlZUzN9w/mBgbJbSagrZvtFTcgwn8BhhIuQFgvMpEcRtH4sIAAAA',
  'AAAAA5vMyDpx5rLkzJJKKyNGJgZGToYjjEwTANQ9ncgWAAAAAwAAADr2ZiiBSrhIqvydHlo8WW/w4YYjfDdSuDg+Hn23Kz20',
  '9B+LCAAAAAAAAAObzMR0ROHEBMYqQTfTj1VeHvsXqy2vdmqabpfs9/Xr191/ipSsaiUAN84c8yUAAABlbmQgb2Ygc25hcHNo',
  'b3QK',
].join('');

/** The frames of a good file. */
function frames(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = MAGIC.length; at < file.length - END.length;) {
    const next = at + FRAME_HEAD + file.readUInt32BE(at + 1);
    found.push(file.subarray(at, next));
    at = next;
  }
  return found;
}

function framed(kind: number, payload: Uint8Array): Buffer {
  const body = gzipSync(payload);
  const head = Buffer.alloc(5);
  head[0] = kind;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, createHash('sha256').update(head).update(body).digest(), body]);
}

describe('a snapshot', () => {
  it('comes back as it was saved', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(block, { maxLength: 3 }), async (blocks) => {
        await writeSnapshot(path, HEADER, each(blocks));
        expect(plain(await readBack())).toEqual(plain(blocks));
      }),
      runs(50),
    );
  });

  it('cut short anywhere, or with any byte changed, gives an error and never a wrong value', async () => {
    await writeSnapshot(path, HEADER, each(SMALL));
    const good = await readFile(path);
    const right = JSON.stringify(plain(SMALL));
    for (let at = 0; at < good.length; at += 1) {
      await writeFile(path, good.subarray(0, at));
      await expect(readBack()).rejects.toMatchObject({ code: 'E_SNAPSHOT' });
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      await writeFile(path, bad);
      await expect(readBack()).rejects.toMatchObject({ code: 'E_SNAPSHOT' });
    }
    await writeFile(path, good);
    expect(JSON.stringify(plain(await readBack()))).toBe(right);
  });

  it('of which a block was taken out, or is there twice, is not whole', async () => {
    await writeSnapshot(path, HEADER, each(SMALL));
    const [head, one, two, trailer] = frames(await readFile(path));
    for (const kept of [
      [head!, one!, trailer!],
      [head!, two!, one!, trailer!],
      [head!, one!, one!, two!, trailer!],
    ]) {
      await writeFile(path, Buffer.concat([MAGIC, ...kept, END]));
      await expect(readBack()).rejects.toMatchObject({
        code: 'E_SNAPSHOT',
        message: expect.stringContaining('not whole') as string,
      });
    }
  });

  it('of release 0.1 stays readable, and one of a later release is refused', async () => {
    await writeFile(path, Buffer.from(GOLDEN, 'base64'));
    expect(plain(await readBack())).toEqual(plain(SMALL));
    const later = framed(1, encode([2, 'shop', 'us', 0, 'something new']));
    await writeFile(path, Buffer.concat([MAGIC, later, END]));
    await expect(readBack()).rejects.toMatchObject({
      code: 'E_SNAPSHOT',
      message: expect.stringContaining('later release') as string,
    });
  });

  it('that is interrupted leaves no file, and the one of before as it was', async () => {
    await writeSnapshot(path, HEADER, each(SMALL));
    const stop = new AbortController();
    const saving = writeSnapshot(path, HEADER, each([...SMALL, ...SMALL]), {
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(saving).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(dir)).toEqual(['snapshot']);
    expect(await readBack()).toHaveLength(2);
  });
});
