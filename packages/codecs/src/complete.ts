import { FormatError } from '@tidemark/core';

const EXTENSION_HEADER_LENGTH = 1;

/**
 * Makes sure that the bytes are one whole MessagePack value and nothing else, before anything is built from them:
 * a list that claims a thousand million members in five bytes would have the decoder reserve room for them.
 * Linear in the number of bytes; what extensions contain is looked at when they are decoded.
 *
 * @throws FormatError otherwise
 */
export function assertComplete(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.byteLength;
  let at = 0;
  // Values that were announced; each takes a byte at least.
  let open = 1;
  while (open > 0) {
    if (open > end - at) throw new FormatError('MessagePack that ends too early');
    const head = bytes[at]!;
    at += 1;
    open -= 1;
    if (head <= 0x7f || head >= 0xe0) continue;
    if (head <= 0x8f) open += 2 * (head & 0x0f);
    else if (head <= 0x9f) open += head & 0x0f;
    else if (head <= 0xbf) at += head & 0x1f;
    else {
      const width = lengthWidth(head);
      if (at + width > end) throw new FormatError('MessagePack that ends too early');
      const length =
        width === 0
          ? 0
          : width === 1
            ? view.getUint8(at)
            : width === 2
              ? view.getUint16(at)
              : view.getUint32(at);
      at += width;
      if (head === 0xde || head === 0xdf) open += 2 * length;
      else if (head === 0xdc || head === 0xdd) open += length;
      else at += length + fixedLength(head);
    }
  }
  if (at !== end) throw new FormatError('MessagePack that ends at another place than its bytes');
}

/** Bytes of the length that follows the first byte. */
function lengthWidth(head: number): 0 | 1 | 2 | 4 {
  if (head === 0xc7 || head === 0xd9) return 1;
  if (head === 0xc8 || head === 0xda || head === 0xdc || head === 0xde) return 2;
  if (head === 0xc9 || head === 0xdb || head === 0xdd || head === 0xdf) return 4;
  return 0;
}

/** Bytes that follow besides a length and what it counts. */
function fixedLength(head: number): number {
  switch (head) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
    case 0xd9: // texts, after their length
    case 0xda:
    case 0xdb:
      return 0;
    case 0xca: // floats
      return 4;
    case 0xcb:
      return 8;
    case 0xcc: // integers
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcf:
    case 0xd3:
      return 8;
    case 0xc7: // extensions, after their length
    case 0xc8:
    case 0xc9:
      return EXTENSION_HEADER_LENGTH;
    case 0xd4: // extensions of fixed lengths
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return EXTENSION_HEADER_LENGTH + 2 ** (head - 0xd4);
    default:
      // The byte that is never used, and binary data, which the codec writes as an extension.
      throw new FormatError(`MessagePack with the byte ${head}, which the codec never writes`);
  }
}
