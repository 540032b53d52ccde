/** A version as histories write it, `era.n`, or one number that rises. */
export type Level = readonly [era: number, n: number];

export function levelOf(value: string | number): Level {
  if (typeof value === 'number') return [0, value];
  const dot = value.indexOf('.');
  return dot < 0 ? [0, Number(value)] : [Number(value.slice(0, dot)), Number(value.slice(dot + 1))];
}

export function isLess([era, n]: Level, [otherEra, otherN]: Level): boolean {
  return era === otherEra ? n < otherN : era < otherEra;
}
