import type { HistoryLine } from './history.ts';

/** What a file held. */
export interface ReadLines {
  readonly lines: HistoryLine[];
  /** Lines that are no JSON: a process was killed while it wrote. They are left out. */
  readonly unfinished: number;
  /** Lines of types that nobody here knows, by type. They are left out. */
  readonly unknown: ReadonlyMap<string, number>;
}

/** A file that is no history. */
export class NotAHistoryError extends Error {
  override readonly name = 'NotAHistoryError';
}

type Fields = Readonly<Record<string, (value: unknown) => boolean>>;

const text = (value: unknown): boolean => typeof value === 'string';
const number = (value: unknown): boolean => typeof value === 'number';
const flag = (value: unknown): boolean => typeof value === 'boolean';
const version = (value: unknown): boolean => typeof value === 'string' && /^\d+\.\d+$/.test(value);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const maybe =
  (is: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || is(value);
const orNull =
  (is: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || is(value);
const oneOf =
  (...texts: readonly string[]) =>
  (value: unknown): boolean =>
    texts.some((each) => each === value);
const listOf =
  (is: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(is);
const value = (each: unknown): boolean =>
  isObject(each) && number(each['counter']) && text(each['write']) && number(each['settings']);

const place = { process: text, region: text };
const span = { startMs: number, endMs: number };
const write = { ...place, startMs: number, write: text, key: text, kind: text };
const outcome = oneOf('ok', 'error', 'hung');
const store = { region: text, store: text, atMs: number };

/** What our checkers need of each line. */
const FIELDS: Readonly<Record<HistoryLine['type'], Fields>> = {
  run: {
    format: number,
    seed: number,
    startMs: number,
    limits: (limits) => isObject(limits) && number(limits['readMs']) && number(limits['writeMs']),
  },
  commit: { key: text, counter: number, write: text, absent: flag, era: maybe(number) },
  intent: write,
  write: { ...write, endMs: number, via: oneOf('node', 'sql'), outcome, session: maybe(text) },
  read: {
    ...place,
    ...span,
    key: text,
    level: oneOf('eventual', 'bounded', 'session', 'latest'),
    boundMs: maybe(number),
    outcome,
    session: maybe(text),
    value: maybe(orNull(value)),
    version: maybe(orNull(version)),
    tier: maybe(oneOf('l1', 'l2', 'source')),
  },
  view: { ...place, ...span, key: text, members: listOf(orNull(text)) },
  restore: { atMs: number, era: number, kept: (kept) => isObject(kept) && Object.values(kept).every(number) },
  fault: {
    kind: text,
    target: text,
    ...span,
    sourceAway: maybe((away) => away === 'all' || listOf(text)(away)),
    processes: maybe(listOf(text)),
    rolledBack: maybe(text),
    emptied: maybe(text),
  },
  final: { ...place, tier: oneOf('l1', 'l2', 'read'), key: text, value: orNull(value) },
  load: { ...place, ...span, key: text, lease: orNull(text), replica: maybe(flag) },
  lease: { ...place, key: text, token: text, atMs: number, untilMs: number },
  'lease-end': { region: text, key: text, token: text, atMs: number },
  told: { ...store, process: text, key: text, version },
  served: { ...store, process: text, key: text, version },
  level: { ...store, what: text, value: (level) => number(level) || version(level) },
  size: { ...place, what: text, count: number, max: number, atMs: number },
};

/**
 * Reads the lines of a file, and looks at each before anybody judges it.
 * @throws NotAHistoryError with the number of the line that is wrong
 */
export async function readLines(source: AsyncIterable<string>): Promise<ReadLines> {
  const lines: HistoryLine[] = [];
  const unknown = new Map<string, number>();
  let unfinished = 0;
  let at = 0;
  for await (const one of source) {
    at += 1;
    if (one.trim() === '') continue;
    const line = parse(one);
    if (line === undefined) {
      unfinished += 1;
      continue;
    }
    if (!isObject(line) || typeof line['type'] !== 'string') {
      throw new NotAHistoryError(`line ${at} is no object with a "type"`);
    }
    const { type } = line;
    if (!Object.hasOwn(FIELDS, type)) {
      unknown.set(type, (unknown.get(type) ?? 0) + 1);
      continue;
    }
    // What never ended has no end: JSON knows no infinity.
    const whole = line['endMs'] === null ? { ...line, endMs: Number.POSITIVE_INFINITY } : line;
    const wrong = wrongField(whole, FIELDS[type as HistoryLine['type']]);
    if (wrong !== undefined) {
      throw new NotAHistoryError(
        `line ${at}, of type "${type}": "${wrong}" is ${JSON.stringify(line[wrong]) ?? 'missing'}`,
      );
    }
    lines.push(whole as unknown as HistoryLine);
  }
  return { lines, unfinished, unknown };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function wrongField(line: Readonly<Record<string, unknown>>, fields: Fields): string | undefined {
  if (line['type'] === 'read' && line['level'] === 'bounded' && line['boundMs'] === undefined)
    return 'boundMs';
  for (const name in fields) if (!fields[name]!(line[name])) return name;
  return undefined;
}
