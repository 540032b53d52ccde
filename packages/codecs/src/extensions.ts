import { ExtData, type ExtensionCodecType } from '@msgpack/msgpack';
import { FormatError, ValueError } from '@tidemark/core';
import { DEPTH_MAX, isPlain, isSimpleName, isWellFormed } from './simple.ts';
import { decodeTypedArray, encodeTypedArray } from './typed-arrays.ts';

/** Types of our extensions; a new meaning needs a new number. */
const UNDEFINED = 1;
const DATE = 2;
const MAP = 3;
const SET = 4;
const BIGINT = 5;
const TYPED_ARRAY = 6;
/** Text with lone surrogates, as UTF-16. */
const UTF16_TEXT = 7;
/** An object with a property of a name that the library does not write, as a list of names and values. */
const PROPERTIES = 8;

const NO_BYTES = new Uint8Array();
type Path = (string | number)[];

/** What the codec adds to MessagePack. */
export class Extensions implements ExtensionCodecType<undefined> {
  // The library wants to know the type of its context in it.
  declare readonly __brand?: undefined;
  readonly #decodeBody: (bytes: Uint8Array) => unknown;
  readonly #encodeBody: (value: unknown) => Uint8Array;

  constructor(
    decodeBody: (bytes: Uint8Array) => unknown = none,
    encodeBody: (value: unknown) => Uint8Array = none,
  ) {
    this.#decodeBody = decodeBody;
    this.#encodeBody = encodeBody;
  }

  tryToEncode(value: unknown): ExtData | null {
    return value instanceof ExtData ? value : null;
  }

  /**
   * The value with extensions in place of all that MessagePack does not know.
   *
   * @throws ValueError for what has no extension either
   */
  prepare(value: unknown, path: Path = []): unknown {
    switch (typeof value) {
      case 'string':
        return isWellFormed(value) ? value : new ExtData(UTF16_TEXT, Buffer.from(value, 'utf16le'));
      case 'number':
      case 'boolean':
        return value;
      case 'undefined':
        return new ExtData(UNDEFINED, NO_BYTES);
      case 'bigint':
        return new ExtData(BIGINT, encodeBigInt(value));
      case 'object':
        return value === null ? null : this.#prepareObject(value, path);
      default:
        throw refused(path, `is a ${typeof value}`);
    }
  }

  decode(bytes: Uint8Array, type: number): unknown {
    switch (type) {
      case UNDEFINED:
        return undefined;
      case DATE:
        return new Date(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0));
      case MAP:
        return new Map(pairs(this.#decodeList(bytes)));
      case SET:
        return new Set(this.#decodeList(bytes));
      case BIGINT:
        return decodeBigInt(bytes);
      case TYPED_ARRAY:
        return decodeTypedArray(bytes);
      case UTF16_TEXT:
        return Buffer.from(bytes).toString('utf16le');
      case PROPERTIES:
        // Unlike an assignment it makes `__proto__` a property like any other.
        return Object.fromEntries(pairs(this.#decodeList(bytes)) as Iterable<[string, unknown]>);
      default:
        throw new FormatError(`MessagePack with an extension of another program (${type})`);
    }
  }

  #prepareObject(value: object, path: Path): unknown {
    if (path.length > DEPTH_MAX) {
      throw refused(path, `leads back to itself, or is nested deeper than ${DEPTH_MAX} levels`);
    }
    if (Array.isArray(value)) return Array.from(value as unknown[], (each, i) => this.#below(each, i, path));
    if (value instanceof Date) return new ExtData(DATE, float64(value.getTime()));
    if (value instanceof Map) {
      const list = [...value].flatMap(([key, each], i) => [
        this.#below(key, i, path),
        this.#below(each, i, path),
      ]);
      return new ExtData(MAP, this.#encodeBody(list));
    }
    if (value instanceof Set) {
      return new ExtData(SET, this.#encodeBody(Array.from(value, (each, i) => this.#below(each, i, path))));
    }
    if (ArrayBuffer.isView(value)) {
      const bytes = encodeTypedArray(value);
      if (bytes) return new ExtData(TYPED_ARRAY, bytes);
    }
    if (!isPlain(value)) throw refused(path, `is a ${value.constructor?.name || 'class instance'}`);
    const entries = Object.entries(value).map(
      ([name, each]) => [name, this.#below(each, name, path)] as const,
    );
    if (entries.every(([name]) => isSimpleName(name))) return Object.fromEntries(entries);
    const list = entries.flatMap(([name, each]) => [this.prepare(name), each]);
    return new ExtData(PROPERTIES, this.#encodeBody(list));
  }

  #below(value: unknown, step: string | number, path: Path): unknown {
    path.push(step);
    const prepared = this.prepare(value, path);
    path.pop();
    return prepared;
  }

  #decodeList(bytes: Uint8Array): readonly unknown[] {
    const list = this.#decodeBody(bytes);
    if (!Array.isArray(list)) throw new FormatError('MessagePack with a collection that is no list');
    return list as unknown[];
  }
}

function none(): never {
  throw new Error('made without a body');
}

function refused(path: Path, what: string): ValueError {
  return new ValueError(
    [...path],
    `${what}, which MessagePack can't carry; turn it into plain data in the loader`,
  );
}

function* pairs(list: readonly unknown[]): Generator<[unknown, unknown]> {
  if (list.length % 2 !== 0) throw new FormatError('MessagePack with half a pair');
  for (let i = 0; i < list.length; i += 2) yield [list[i], list[i + 1]];
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** A sign, then the magnitude: hexadecimal on the way, whose cost grows with the length and not with its square. */
function encodeBigInt(value: bigint): Uint8Array {
  const hex = (value < 0n ? -value : value).toString(16);
  return Buffer.from(`${value < 0n ? '01' : '00'}${hex.length % 2 === 0 ? '' : '0'}${hex}`, 'hex');
}

function decodeBigInt(bytes: Uint8Array): bigint {
  const magnitude = BigInt(`0x${Buffer.from(bytes.subarray(1)).toString('hex')}`);
  return bytes[0] === 0 ? magnitude : -magnitude;
}
