/** Items by names of theirs, which may be of any characters; each group keeps their order. */
export function groupBy<T>(
  items: readonly T[],
  ...namesOf: readonly [(item: T) => string, ...((item: T) => string)[]]
): T[][] {
  if (items.length === 0) return [];
  const [nameOf, ...rest] = namesOf;
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = nameOf(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  const found = [...groups.values()];
  const [next, ...last] = rest;
  return next ? found.flatMap((group) => groupBy(group, next, ...last)) : found;
}
