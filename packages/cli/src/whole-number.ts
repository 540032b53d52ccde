import { InvalidArgumentError } from 'commander';

/** Takes `1_000` too. */
export function wholeNumber(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('Give a whole number from 1.');
}
