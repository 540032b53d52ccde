import * as z from 'zod';
import { WorkloadError } from './errors.ts';
import { bytesOf, millisecondsOf, plainNumber, ratePerS } from './units.ts';

/** Who writes the rows that values are made from. */
const WRITERS = ['library', 'triggers', 'outside'] as const;
const KEYS_MAX = 1e12;

interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole?: boolean;
}

/** What people write, or a number; within a range. */
const quantity = (unit: (value: number | string) => number | undefined, example: string, range: Range) =>
  z.union([z.number(), z.string()]).transform((value, context) => {
    const amount = unit(value);
    const wrong = amount === undefined ? `is not understood; write ${example}` : outside(amount, range);
    if (amount !== undefined && wrong === null) return amount;
    context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} ${wrong}` });
    return z.NEVER;
  });

function outside(amount: number, { from, to, whole }: Range): string | null {
  if (amount >= from && amount <= to && (!whole || Number.isInteger(amount))) return null;
  return `must be ${whole ? 'a whole number ' : ''}from ${from} to ${to.toLocaleString('en-GB')}`;
}

const rate = quantity(ratePerS, 'a rate such as 5000/s, 20/min, or a number of them a second', {
  from: 0,
  to: 1e12,
});
const duration = quantity(millisecondsOf, 'a duration such as 800us, 8ms, 2s, 5m', { from: 0, to: 1e11 });
const size = quantity(bytesOf, 'bytes such as 600, 4KiB, 64MiB', { from: 0, to: 1e15 });
const number = (range: Range) => quantity(plainNumber, 'a number', range);
const count = number({ from: 1, to: KEYS_MAX, whole: true });
const share = number({ from: 0, to: 1 });
const exponent = number({ from: 0, to: 5 });

const SHAPE = z.strictObject({
  /** Of the keyspace; for the snippet. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be a name that a keyspace may have: a letter, then a-z 0-9 - _')
    .default('item'),
  /** Reads a second, of all nodes. */
  reads: rate,
  /** Writes a second to the rows that are cached. */
  writes: rate,
  /** Keys that are read at all. */
  keys: count,
  /** Exponent of the reads' popularity. */
  zipf: exponent.default(0.9),
  /** Exponent of the writes', over the same ranking; left out: writes go where reads go. */
  writeZipf: exponent.optional(),
  /** Mean time of a load, ms. */
  loadCost: duration.optional(),
  /** Mean size of an encoded value. */
  valueBytes: size.default(1_000),
  /** What a reader may get that was superseded that long ago; 0: nothing. */
  staleness: duration.optional(),
  /** Whether users must see their own writes in every region. */
  readYourWrites: z.boolean().default(false),
  /** Other keys that a value is made from (`dependsOn`). */
  dependencies: number({ from: 0, to: 64, whole: true }).default(0),
  /** Writes a second to all of those; left out: each is written as often as an average key. */
  dependencyWrites: rate.optional(),
  /** How many of those there are in all; left out: as many as keys. */
  dependencyKeys: count.optional(),
  /** Processes of all regions together; left out: one in each. */
  nodes: number({ from: 1, to: 1e6, whole: true }).optional(),
  regions: number({ from: 1, to: 1_000, whole: true }).default(1),
  /** `library`: all through Tidemark; `triggers`: others too, on tables that may have triggers; `outside`: others, and no triggers. */
  writers: z.enum(WRITERS).default('library'),
  /** Share of reads that ask for what does not exist. */
  absent: share.default(0),
  /** Share of reads that ask for a key that nobody read before. */
  newKeys: share.default(0),
  /** Memory that an L1 may take. */
  l1Memory: size.default(64 * 1_024 ** 2),
  /** Of a million queries of the source. */
  pricePerMillion: number({ from: 0, to: 1e9 }).optional(),
});

/** Traffic as the model takes it: rates per second, times in ms, sizes in bytes. */
export type Workload = Readonly<z.output<typeof SHAPE> & { readonly nodes: number }>;
/** Traffic as people write it: `5000/s`, `8ms`, `4KiB`. */
export type WorkloadInput = z.input<typeof SHAPE>;

/** Names of everything that describes a workload. */
const WORKLOAD_FIELDS: readonly (keyof Workload)[] = Object.keys(SHAPE.shape) as (keyof Workload)[];

/** @param nameOf how the one who reads the error calls a field */
export function workload(input: unknown, nameOf: (field: string) => string = String): Workload {
  const { data, error } = SHAPE.safeParse(input);
  if (error) throw describe(input, error.issues[0]!, nameOf);
  const { regions, nodes = regions } = data;
  if (nodes < regions) {
    const message = `${nodes} nodes can't be in ${regions} regions; count the nodes of all regions together`;
    throw new WorkloadError(nameOf('nodes'), message);
  }
  if (data.absent + data.newKeys > 1)
    throw new WorkloadError(nameOf('absent'), 'with newKeys is more than all reads');
  return { ...data, nodes };
}

function describe(input: unknown, issue: z.core.$ZodIssue, nameOf: (field: string) => string): WorkloadError {
  const field = issue.path.length === 0 ? null : nameOf(String(issue.path[0]));
  if (issue.code === 'unrecognized_keys') {
    const known = WORKLOAD_FIELDS.map(nameOf).join(', ');
    return new WorkloadError(
      null,
      `there is no ${issue.keys.map(nameOf).join(', ')}; a workload has ${known}`,
    );
  }
  if (issue.code === 'invalid_value')
    return new WorkloadError(field, `must be one of ${issue.values.join(', ')}`);
  if (issue.code === 'invalid_union' || issue.code === 'invalid_type') {
    const given: unknown = issue.path.length === 0 ? input : Reflect.get(input as object, issue.path[0]!);
    const missing =
      given === undefined ? 'is missing, and can not be guessed' : 'is of a type that does not fit';
    return new WorkloadError(field, `${missing}; see docs/reference/advisor.md`);
  }
  return new WorkloadError(field, issue.message);
}
