import { ConfigurationError } from '../ports/errors.ts';

/** Milliseconds, or text such as `250ms`, `30s`, `5m`, `2h`, `1d`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 2 ** 31 - 1;

/** Milliseconds of a duration; rejects what is negative, not finite or above 24.8 days. */
export function durationMs(duration: Duration, name: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration);
  if (!(ms >= 0 && ms <= MAX_MS)) {
    throw new ConfigurationError(
      `${name}: ${JSON.stringify(duration)} is not a duration; give milliseconds or text such as '250ms', '30s', '5m', '2h'`,
    );
  }
  return ms;
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2]!]! : Number.NaN;
}
