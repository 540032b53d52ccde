import { compareVersions, type Version } from './version.ts';

/** Keys that a session remembers one by one; the one noted longest ago goes into the floor. */
export const SESSION_KEYS_MAX = 32;
/** The same for keyspaces that were invalidated as a whole. */
export const SESSION_SCOPES_MAX = 8;

/** Version `n` by the hash of a key, in order of noting; what is not in it is required to reach the floor. */
export interface Remembered {
  readonly floor: number;
  readonly byHash: ReadonlyMap<string, number>;
}

/**
 * What a session wrote and saw. Per key, versions are in commit order; so a floor over forgotten keys is
 * too high for most keys and too low for none. Between keys they are not: a key's version says nothing
 * about its keyspace's, which is why scopes are remembered apart.
 */
export interface SessionState {
  /** The newest era that the session met. */
  readonly era: number;
  readonly keys: Remembered;
  readonly scopes: Remembered;
}

const NOTHING: Remembered = Object.freeze({ floor: 0, byHash: new Map() });

export const SESSION_NEW: SessionState = Object.freeze({ era: 0, keys: NOTHING, scopes: NOTHING });

/** Whether a session that knows `state` may be served a value of this version and scope. */
export function reaches(
  state: SessionState,
  keyHash: string,
  version: Version,
  scopeHash: string,
  scope: number,
): boolean {
  const required = { era: state.era, n: requiredOf(state.keys, keyHash) };
  if (compareVersions(version, required) < 0) return false;
  return version.era > state.era || scope >= requiredOf(state.scopes, scopeHash);
}

/** The session wrote or saw this version of a key. What is required of any key never falls. */
export function noteKey(state: SessionState, hash: string, version: Version): SessionState {
  return note(state, 'keys', SESSION_KEYS_MAX, hash, version);
}

/** The session wrote or saw this version of a scope key. */
export function noteScope(state: SessionState, hash: string, version: Version): SessionState {
  return version.n === 0 ? state : note(state, 'scopes', SESSION_SCOPES_MAX, hash, version);
}

/** Version `n` that is required in the state's era. */
export function requiredOf({ floor, byHash }: Remembered, hash: string): number {
  return byHash.get(hash) ?? floor;
}

function note(
  state: SessionState,
  what: 'keys' | 'scopes',
  max: number,
  hash: string,
  { era, n }: Version,
): SessionState {
  if (era < state.era) return state;
  // A new era voids all older versions: whatever is of it is above what the session knew.
  const from = era > state.era ? { ...SESSION_NEW, era } : state;
  return { ...from, [what]: remember(from[what], max, hash, n) };
}

function remember(known: Remembered, max: number, hash: string, n: number): Remembered {
  const byHash = new Map(known.byHash);
  byHash.delete(hash); // Moves it to the end.
  byHash.set(hash, Math.max(n, requiredOf(known, hash)));
  let { floor } = known;
  while (byHash.size > max) {
    const [oldest, forgotten] = byHash.entries().next().value!;
    byHash.delete(oldest);
    floor = Math.max(floor, forgotten);
  }
  return { floor, byHash };
}
