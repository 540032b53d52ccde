/** A region's line: its colour and its dashes, so that it can be told without colour. By its place in `Hello.regions`. */
export const LINES = 6;
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '4 2', '12 4'];

export function regionClass(i: number): string {
  return `series-${i % LINES}`;
}

export function regionDash(i: number): string {
  return DASHES[i % LINES]!;
}
