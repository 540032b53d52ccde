import { Decoder, Encoder } from '@msgpack/msgpack';
import { type Codec, FormatError } from '@tidemark/core';
import { assertComplete } from './complete.ts';
import { Extensions } from './extensions.ts';
import { DEPTH_MAX, isSimple } from './simple.ts';
import { MESSAGE_PACK } from './tags.ts';

const FORMAT = 1;
const HEADER = Uint8Array.of(MESSAGE_PACK, FORMAT);
/** An encoder keeps its buffer; one that has grown beyond this is left to the garbage collector. */
const KEPT_BYTES_MAX = 1024 * 1024;

/**
 * MessagePack, with extensions for what JSON loses: Date, Map, Set, BigInt, typed arrays and Buffer, `undefined`,
 * NaN and the infinities, text with lone surrogates. Objects come back as plain objects, without what is shared
 * between them; `-0` becomes 0. Refused: instances of classes, functions, symbols, and what leads back to itself.
 */
export function messagePackCodec(): Codec {
  const decoder: Decoder = new Decoder({ extensionCodec: new Extensions(decodeBody) });
  let encoder = newEncoder();

  function encodeBody(value: unknown): Uint8Array {
    const bytes = encoder.encode(value);
    if (bytes.byteLength > KEPT_BYTES_MAX) encoder = newEncoder();
    return bytes;
  }
  function decodeBody(bytes: Uint8Array): unknown {
    assertComplete(bytes);
    return decoder.decode(bytes);
  }
  const extensions = new Extensions(decodeBody, encodeBody);

  return {
    encode: (value) =>
      Buffer.concat([HEADER, encodeBody(isSimple(value, 0) ? value : extensions.prepare(value))]),
    decode(data) {
      if (data[0] !== MESSAGE_PACK || data[1] !== FORMAT) {
        throw new FormatError('a cached value is not MessagePack of messagePackCodec');
      }
      try {
        return decodeBody(data.subarray(HEADER.length));
      } catch (cause) {
        throw new FormatError('a cached value is damaged MessagePack', { cause });
      }
    },
  };
}

function newEncoder(): Encoder {
  return new Encoder({ extensionCodec: new Extensions(), maxDepth: DEPTH_MAX + 2 });
}
