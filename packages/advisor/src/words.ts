const COUNT = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });
const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** Three digits: nothing here is known better. */
export function counted(value: number): string {
  return COUNT.format(value);
}

export function perSecond(rate: number): string {
  return `${counted(rate)}/s`;
}

export function percent(share: number): string {
  const points = share * 100;
  if (points > 0 && points < 0.01) return 'under 0.01 %';
  return `${points > 99 && points < 100 ? Math.min(99.99, points).toFixed(2) : COUNT.format(points)} %`;
}

/** `5m`, `1d`: as a keyspace takes it. */
export function durationText(seconds: number): `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` {
  for (const [unit, length] of UNITS)
    if (seconds >= length && seconds % length === 0) return `${seconds / length}${unit}`;
  return `${Math.round(seconds * 1_000)}ms`;
}

/** `2 s`, `9.7 h`: for prose. */
export function spanText(seconds: number): string {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? ['ms', 0.001];
  return `${counted(seconds / length)} ${unit}`;
}
