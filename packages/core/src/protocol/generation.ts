import { compareVersions, isVersion, type Version } from './version.ts';

/**
 * A version of a whole group: `era.n`, minted by the source, never reused.
 *
 * The era is part of it because a source that went back in time mints the same `n` again, for
 * other members.
 */
export type Generation = string;

/** Longest encoded parameters of a member, in UTF-16 code units. */
export const MEMBER_KEY_LENGTH_MAX = 512;

const GENERATION = /^(\d{1,16})\.(\d{1,16})$/;

/** Null for text that is not a generation. */
export function parseGeneration(text: unknown): Version | null {
  const match = typeof text === 'string' ? GENERATION.exec(text) : null;
  if (!match) return null;
  const parsed = { era: Number(match[1]), n: Number(match[2]) };
  // One generation has one name: `01.2` would be a second one for the same members.
  return isVersion(parsed) && `${parsed.era}.${parsed.n}` === text ? parsed : null;
}

/** Negative when `a` was minted before `b`. */
export function compareGenerations(a: Generation, b: Generation): number {
  return compareVersions(parseGeneration(a)!, parseGeneration(b)!);
}

/** The key of the pointer: it says which generation is current, and changes with every swap. */
export function pointerKey(group: string): string {
  return `group:${group}`;
}

/**
 * What comes before the encoded parameters in a member's key. It names the generation: members
 * are never invalidated, and a reader of one generation can't meet a member of another.
 */
export function memberPrefix(group: string, generation: Generation): string {
  return `member:${group}:${generation}`;
}
