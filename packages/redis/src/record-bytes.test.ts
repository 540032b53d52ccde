import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { readRecord } from './record-bytes.ts';

it('any bytes are read without a throw, and what is served is in range', () => {
  const start = fc.uint8Array({ minLength: 0, maxLength: 120 });
  const headed = start.map((bytes) => {
    bytes.set([0xd4, 1, 1, 0].slice(0, bytes.length));
    return bytes;
  });
  const dependent = fc
    .tuple(fc.uint8Array({ minLength: 20, maxLength: 88 }), fc.json())
    .map(([head, text]) => {
      const bytes = Buffer.concat([Buffer.alloc(92), Buffer.from(text), Buffer.from('value')]);
      bytes.set(head);
      bytes.set([0xd4, 2, 1, 0]);
      bytes.writeUInt32BE(0, 84);
      bytes.writeUInt32BE(Buffer.byteLength(text), 88);
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(start, headed, dependent), (bytes) => {
      const { record, unreadable } = readRecord(Buffer.from(bytes), 0);
      if (record === null) expect(unreadable).toBe(true);
      else expect(Number.isSafeInteger(record.tidemark.n) && record.tidemark.n >= 0).toBe(true);
      if (record?.value) expect(record.value.version.n).toBeLessThanOrEqual(2 ** 53 - 1);
    }),
    runs(1_000),
  );
});
