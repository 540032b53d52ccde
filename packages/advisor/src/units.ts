const PER_S: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600, d: 86_400 };
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  GiB: 1_024 ** 3,
};
const DURATION_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `5000/s`, `20/min`, or events per second as a number. Undefined for what is none. */
export function ratePerS(value: number | string): number | undefined {
  if (typeof value === 'number') return value;
  const [, number, unit = 's'] = /^([\d_.e+]+)(?:\/(s|min|h|d))?$/.exec(value) ?? [];
  return number === undefined ? undefined : numberOf(number) / PER_S[unit]!;
}

/** `600`, `4KiB`, `64MiB`. Undefined for what is none. */
export function bytesOf(value: number | string): number | undefined {
  if (typeof value === 'number') return value;
  const [, number, unit = ''] = /^([\d_.e+]+) ?(B|kB|MB|GB|KiB|MiB|GiB)?$/.exec(value) ?? [];
  return number === undefined ? undefined : numberOf(number) * BYTES[unit]!;
}

/** `800us`, `8ms`, `2s`, `5m`, `1d`, or milliseconds as a number. Undefined for what is none. */
export function millisecondsOf(value: number | string): number | undefined {
  if (typeof value === 'number') return value;
  const [, number, unit] = /^([\d_.]+)(us|ms|s|m|h|d)$/.exec(value) ?? [];
  return number === undefined ? undefined : numberOf(number) * DURATION_MS[unit!]!;
}

/** `1_000_000`, `1e6`. Undefined for what is none. */
export function plainNumber(value: number | string): number | undefined {
  if (typeof value === 'number') return value;
  return /^[\d_.e+-]+$/.test(value) ? numberOf(value) : undefined;
}

function numberOf(text: string): number {
  return Number(text.replaceAll('_', ''));
}
