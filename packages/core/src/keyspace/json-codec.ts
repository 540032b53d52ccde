import { FormatError, ValueError } from '../ports/errors.ts';
import type { Codec } from './codec.ts';

/** Levels of objects in objects: more than people nest, and less than the call stack bears. */
const DEPTH_MAX = 1_000;
/** `@`, which no JSON text begins with: a list of paths to dates comes first, and a line feed ends it. */
const DATES = 0x40;
const LINE_FEED = 0x0a;
const MEND = 'use messagePackCodec() of @tidemark/codecs, or turn it into plain data in the loader';

type Path = readonly (string | number)[];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * JSON as UTF-8: readable with `redis-cli`. Dates come back as dates: a line in front of the JSON says where they
 * are. Whatever else JSON would change or lose is refused; only `-0` becomes 0, and properties that are undefined
 * are left out.
 */
export const jsonCodec: Codec = {
  encode(value) {
    if (isPlainJson(value, 0)) return encoder.encode(JSON.stringify(value));
    const dates: Path[] = [];
    findDates(value, [], dates);
    return encoder.encode(`@${JSON.stringify(dates)}\n${JSON.stringify(value)}`);
  },
  decode(data) {
    try {
      if (data[0] !== DATES) return JSON.parse(textOf(data));
      const end = data.indexOf(LINE_FEED);
      const paths: unknown = JSON.parse(decoder.decode(data.subarray(1, end)));
      const root = { value: JSON.parse(decoder.decode(data.subarray(end + 1))) as unknown };
      for (const path of paths as Path[]) reviveDate(root, ['value', ...path]);
      return root.value;
    } catch (cause) {
      throw new FormatError('a cached value is not JSON', { cause });
    }
  },
};

/** What is no UTF-8 throws, as with `decoder`, which takes twice the time. */
function textOf(data: Uint8Array): string {
  if (!Buffer.isBuffer(data)) return decoder.decode(data);
  const text = data.toString('utf8');
  // What stands for bytes that are no UTF-8 may also stand for itself; in most texts there is none to be found.
  return text.includes('\ufffd') ? decoder.decode(data) : text;
}

/** Whether JSON carries it unchanged: the fast half of the question, asked of every value. */
function isPlainJson(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth > DEPTH_MAX) return false;
  if (Array.isArray(value)) {
    for (const each of value as unknown[]) if (!isPlainJson(each, depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const name in value) {
    const each: unknown = value[name as keyof typeof value];
    if (each !== undefined && !isPlainJson(each, depth + 1)) return false;
  }
  return true;
}

/** The slow half: where the dates are, or what is wrong and where. */
function findDates(value: unknown, path: (string | number)[], dates: Path[]): void {
  if (value instanceof Date && !Number.isNaN(value.getTime())) {
    dates.push([...path]);
    return;
  }
  const wrong = whatIsWrong(value, path.length);
  if (wrong !== null) throw new ValueError([...path], `${wrong}, which JSON can't carry unchanged; ${MEND}`);
  if (typeof value !== 'object' || value === null) return;
  // Entries of a list, unlike `forEach`, show its holes, which JSON makes null.
  const entries = Array.isArray(value) ? (value as unknown[]).entries() : Object.entries(value);
  for (const [step, each] of entries) {
    if (each === undefined && !Array.isArray(value)) continue;
    path.push(step);
    findDates(each, path, dates);
    path.pop();
  }
}

function whatIsWrong(value: unknown, depth: number): string | null {
  if (typeof value === 'number') return Number.isFinite(value) ? null : `is ${value}`;
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return null;
  if (typeof value !== 'object')
    return `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`;
  if (depth > DEPTH_MAX) return `leads back to itself, or is nested deeper than ${DEPTH_MAX} levels`;
  if (value instanceof Date) return 'is an invalid Date';
  if (Array.isArray(value)) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have another Object.prototype.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return null;
  const { constructor } = value as { readonly constructor?: unknown };
  return `is a ${(typeof constructor === 'function' && constructor.name) || 'class instance'}`;
}

function reviveDate(root: object, path: Path): void {
  let parent: Record<string | number, unknown> = root as Record<string, unknown>;
  const last = path.at(-1)!;
  for (const step of path.slice(0, -1)) parent = own(parent, step) as typeof parent;
  const text = own(parent, last);
  const date = new Date(text as string);
  // Throws for what is no date.
  if (date.toISOString() !== text) throw new FormatError('a date that is not in its usual form');
  parent[last] = date;
}

/** What an object really has: a path from outside must lead nowhere else, above all not to a prototype. */
function own(parent: unknown, step: string | number): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, step)) {
    throw new FormatError('a path that leads to no date');
  }
  return (parent as Record<string | number, unknown>)[step];
}
