import type { Fill } from '@tidemark/core';
import { dependenciesText } from './dependencies-text.ts';
import { RECORD } from './record-bytes.ts';

/**
 * The record that an admitted fill becomes, as the layout in `record-bytes.ts` has it; the script writes when it
 * was filled.
 *
 * @param life mark of the store's life
 */
export function recordOf(
  { version, scope, epoch, freshMs, staleMs, schema, data, dependencies }: Fill,
  life: number,
): Buffer {
  const made = dependenciesText(dependencies);
  const length = data?.byteLength ?? 0;
  const head = RECORD.headerLength + (made === '' ? 0 : 4 + Buffer.byteLength(made));
  const bytes = Buffer.allocUnsafe(head + length);
  bytes[0] = RECORD.magic;
  bytes[1] = made === '' ? RECORD.format : RECORD.formatDependencies;
  bytes[2] = data === null ? RECORD.hasValue | RECORD.negative : RECORD.hasValue;
  bytes[3] = 0;
  const { era, n } = version!;
  const numbers = [era, n, era, n, scope, epoch, 0, freshMs, staleMs, schema];
  for (let i = 0; i < numbers.length; i += 1) bytes.writeDoubleBE(numbers[i]!, 4 + 8 * i);
  bytes.writeUInt32BE(life, 84);
  if (made !== '') {
    bytes.writeUInt32BE(head - RECORD.headerLength - 4, RECORD.headerLength);
    bytes.write(made, RECORD.headerLength + 4, 'utf8');
  }
  if (data) bytes.set(data, head);
  return bytes;
}
