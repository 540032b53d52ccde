import { InvalidArgumentError } from 'commander';

export function shardOf(text: string): { index: number; count: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match && count >= 1 && count <= 256 && index < count) return { index, count };
  throw new InvalidArgumentError('Give index/count, such as 0/4 for the first of four workers, at most 256.');
}
