import { WarmupError } from '../warmup-error.ts';
import { EXPORT_FRAME_MAX } from './export-format.ts';

const HEAD = 4;

export function frame(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(payload.byteLength, 0);
  return Buffer.concat([head, payload]);
}

export const LAST_FRAME = Buffer.alloc(HEAD);

/**
 * The payloads in a stream of bytes, however that is cut into chunks. Keeps one frame at most.
 *
 * Rejects with a `WarmupError` for a frame that is too long, and for a stream that ends before its last one.
 */
export async function* framesIn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  /** Of the next frame, head included; unknown before its head is there. */
  let wanted = HEAD;
  let headKnown = false;
  for await (const chunk of chunks) {
    parts.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    length += chunk.byteLength;
    while (length >= wanted) {
      const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      if (!headKnown) {
        const size = whole.readUInt32BE(0);
        if (size === 0) return;
        if (size > EXPORT_FRAME_MAX) throw new WarmupError('the peer sent a frame that is too long');
        [wanted, headKnown, parts] = [HEAD + size, true, [whole]];
        continue;
      }
      yield whole.subarray(HEAD, wanted);
      parts = [whole.subarray(wanted)];
      length -= wanted;
      [wanted, headKnown] = [HEAD, false];
    }
  }
  throw new WarmupError('the answer of the peer was cut short');
}
