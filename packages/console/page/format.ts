const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** `450 ms`, `3.2 s`, `2 min 3 s`. */
export function span(ms: number): string {
  if (ms < 0) return '0 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Number.isInteger(ms / 1_000) ? ms / 1_000 : (ms / 1_000).toFixed(1)} s`;
  let left = Math.round(ms / 1_000) * 1_000;
  const parts: string[] = [];
  for (const [name, length] of UNITS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0 && parts.length < 2) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}

/** `87.3 %`; only what is whole is shown as 100 %. */
export function percent(share: number): string {
  if (share === 1) return '100 %';
  return `${Math.min(share * 100, 99.9).toFixed(1)} %`;
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `1,234` or `0.4`. */
export function rate(perS: number): string {
  return perS > 0 && perS < 10 ? perS.toFixed(1) : count(Math.round(perS));
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1_024 && unit < BYTE_UNITS.length - 1) [value, unit] = [value / 1_024, unit + 1];
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** `14:03:22`, of this machine's clock. */
export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

/** Decimal nines of a share: 2 of 0.99. What was checked `n` times without a miss shows no more than log10(n). */
export function nines(consistent: number, checked: number): string {
  if (checked === 0) return '–';
  const missed = checked - consistent;
  const value = missed === 0 ? Math.log10(checked) : -Math.log10(missed / checked);
  return `${missed === 0 ? '≥ ' : ''}${(Math.floor(value * 10) / 10).toFixed(1)}`;
}
