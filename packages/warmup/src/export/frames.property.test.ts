import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { frame, framesIn, LAST_FRAME } from './frames.ts';

async function read(bytes: Buffer, cuts: readonly number[]): Promise<Buffer[]> {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (const cut of [...cuts.map((each) => each % (bytes.length + 1)), bytes.length].toSorted(
      (a, b) => a - b,
    )) {
      yield bytes.subarray(at, cut);
      at = cut;
    }
  };
  const payloads: Buffer[] = [];
  for await (const payload of framesIn(chunks())) payloads.push(Buffer.from(payload));
  return payloads;
}

const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

it('frames come back however the stream is cut into chunks', () =>
  fc.assert(
    fc.asyncProperty(payloads, cuts, async (sent, where) => {
      const bytes = Buffer.concat([...sent.map(frame), LAST_FRAME]);
      expect(await read(bytes, where)).toEqual(sent.map((each) => Buffer.from(each)));
    }),
    runs(200),
  ));

it('a stream that ends anywhere before its last frame is an error', () =>
  fc.assert(
    fc.asyncProperty(payloads, fc.nat(), cuts, async (sent, end, where) => {
      const bytes = Buffer.concat([...sent.map(frame), LAST_FRAME]);
      const short = bytes.subarray(0, end % bytes.length);
      await expect(read(short, where)).rejects.toMatchObject({ code: 'E_WARMUP' });
    }),
    runs(200),
  ));
