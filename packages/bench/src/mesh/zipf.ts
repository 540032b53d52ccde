/** Keys by popularity: where a uniform draw falls in the sum of `rank ** -alpha`. */
export function zipf(alpha: number, keys: number): (chance: number) => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= keys; rank += 1) sums.push((sum += rank ** -alpha));
  return (chance) => {
    let low = 0;
    for (let high = keys - 1; low < high;) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < chance * sum) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
