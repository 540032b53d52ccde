import type { Unit } from './scenario.ts';

const PLAIN = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** A figure with its unit, to three significant digits; counts in full. */
export function figure(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'count') return WHOLE.format(value);
  if (unit === 'share') return `${PLAIN.format(value * 100)} %`;
  return `${PLAIN.format(value)} ${unit}`;
}

/** Least and greatest of the rounds; of one round there is no spread. */
export function spread(min: number, max: number, unit: Unit, rounds: number): string {
  return rounds > 1 ? `${figure(min, unit)} – ${figure(max, unit)}` : '';
}

/** What a target's bound is compared with. */
export function measured(value: number | null): string {
  return value === null ? 'not measured' : String(Number(value.toPrecision(3)));
}

export function ratioText(ratio: number | null): string {
  if (ratio === null) return '';
  return ratio >= 100 ? `${WHOLE.format(ratio)}×` : `${ratio.toFixed(2)}×`;
}
