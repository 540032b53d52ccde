import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from 'node:zlib';
import { type Codec, ConfigurationError, FormatError, ValueError } from '@tidemark/core';
import { COMPRESSED } from './tags.ts';

export type CompressionAlgorithm = 'deflate' | 'gzip' | 'brotli';

export interface CompressionOptions {
  /** Encoded values longer than this are compressed. Default 1,024. */
  readonly aboveBytes?: number;
  /** Default `deflate`. Each can read all of them. */
  readonly algorithm?: CompressionAlgorithm;
  /** Bytes of an encoded value before compression; what is longer is neither written nor unpacked. Default 16 MiB. */
  readonly maxBytes?: number;
}

interface Method {
  readonly tag: number;
  readonly pack: (bytes: Uint8Array) => Buffer;
  readonly unpack: (bytes: Uint8Array, maxOutputLength: number) => Buffer;
}

const LEVEL = 1;
const DEFAULT_ABOVE_BYTES = 1_024;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const HEADER_LENGTH = 2;
/** As it is: for bytes that begin like compressed ones, and are not. */
const AS_IT_IS = 0;

const METHODS: Readonly<Record<CompressionAlgorithm, Method>> = {
  deflate: {
    tag: 1,
    pack: (bytes) => deflateSync(bytes, { level: LEVEL }),
    unpack: (bytes, maxOutputLength) => inflateSync(bytes, { maxOutputLength }),
  },
  gzip: {
    tag: 2,
    pack: (bytes) => gzipSync(bytes, { level: LEVEL }),
    unpack: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  },
  brotli: {
    tag: 3,
    pack: (bytes) =>
      brotliCompressSync(bytes, {
        params: { [constants.BROTLI_PARAM_QUALITY]: LEVEL, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
      }),
    unpack: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
  },
};

/**
 * Compresses what another codec encodes, when that is long and gets shorter. It also reads what that codec wrote
 * without compression, so that it can be switched on while there are values.
 *
 * @throws ConfigurationError for limits that are no whole numbers, or an unknown algorithm
 */
export function compressed(codec: Codec, options: CompressionOptions = {}): Codec {
  const { aboveBytes = DEFAULT_ABOVE_BYTES, algorithm = 'deflate', maxBytes = DEFAULT_MAX_BYTES } = options;
  for (const [name, value, least] of [
    ['aboveBytes', aboveBytes, 0],
    ['maxBytes', maxBytes, 1],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new ConfigurationError(`compressed: ${name} must be a whole number from ${least}, got ${value}`);
    }
  }
  if (!Object.hasOwn(METHODS, algorithm)) {
    throw new ConfigurationError(`compressed: algorithm must be one of ${Object.keys(METHODS).join(', ')}`);
  }
  const method = METHODS[algorithm];
  return {
    encode(value) {
      const bytes = codec.encode(value);
      if (bytes.byteLength > maxBytes) {
        throw new ValueError([], `has ${bytes.byteLength} bytes when encoded, and maxBytes is ${maxBytes}`);
      }
      if (bytes.byteLength > aboveBytes) {
        const packed = method.pack(bytes);
        if (packed.length + HEADER_LENGTH < bytes.byteLength) return withHeader(method.tag, packed);
      }
      return bytes[0] === COMPRESSED ? withHeader(AS_IT_IS, bytes) : bytes;
    },
    decode(data) {
      return codec.decode(data[0] === COMPRESSED ? unpack(data, maxBytes) : data);
    },
  };
}

function unpack(data: Uint8Array, maxBytes: number): Uint8Array {
  const packed = data.subarray(HEADER_LENGTH);
  if (data[1] === AS_IT_IS) return packed;
  const method = Object.values(METHODS).find(({ tag }) => tag === data[1]);
  if (!method) throw new FormatError(`a cached value is compressed in an unknown way (${data[1]})`);
  try {
    return method.unpack(packed, maxBytes);
  } catch (cause) {
    throw new FormatError('a cached value is damaged, or longer than maxBytes when unpacked', { cause });
  }
}

function withHeader(tag: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(COMPRESSED, tag), bytes]);
}
