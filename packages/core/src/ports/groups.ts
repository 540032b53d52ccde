import { type Generation, parseGeneration } from '../protocol/generation.ts';
import { isKeyspaceName } from '../protocol/key.ts';
import type { Version } from '../protocol/version.ts';
import { ConfigurationError, KeyError } from './errors.ts';
import { GenerationGoneError } from './group-errors.ts';
import type { Committed } from './source.ts';

/** Generations that a group may keep at a time, of all states. */
export const GENERATIONS_MAX = 1_000;
/** Members in one `stage` or `read` of a source. */
export const MEMBER_BATCH_MAX = 500;
/** Characters of one member's JSON, which callers check; a batch of them must fit one message. */
export const MEMBER_LENGTH_MAX = 262_144;

/**
 * - `staging`: takes members; nobody can read it.
 * - `staged`: sealed, and complete; not current so far.
 * - `current`: what new views read.
 * - `retired`: was current; views may still read it, and a rollback may bring it back.
 */
export type GenerationState = 'staging' | 'staged' | 'current' | 'retired';

/** What a source knows of one generation; plain data. Times are the source's own clock, ms since 1970. */
export interface GenerationInfo {
  readonly generation: Generation;
  readonly state: GenerationState;
  readonly members: number;
  readonly createdAtMs: number;
  /** When it first became current; null when it never was. */
  readonly swappedAtMs: number | null;
  /** When it last ceased to be current; null when it is current or never was. */
  readonly retiredAtMs: number | null;
}

/** A member on its way into a generation. */
export interface StagedMember {
  /** Encoded parameters. */
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

export interface SwapRequest {
  /** Refused unless this generation is current; null: unless none is. Not given: whatever is current. */
  readonly from?: Generation | null;
}

export interface Swapped {
  /** The one that is current now. */
  readonly generation: Generation;
  /** The one that was current before. */
  readonly previous: Generation | null;
}

/**
 * Which generations the collection leaves alone. By the source's own clock, so that no two
 * machines' clocks are compared.
 */
export interface CollectRequest {
  /** Retired generations that stay whatever their age: those that became current last. */
  readonly keep: number;
  /** How long a generation stays after it ceased to be current. */
  readonly graceMs: number;
  /** How long one that never was current stays after it was begun or sealed. */
  readonly abandonedMs: number;
}

/**
 * Groups in the system of record: members of immutable generations, and one pointer for each group.
 *
 * Group names follow the rules of keyspace names. All methods reject with a `KeyError` for a name
 * that doesn't, and with a `GenerationGoneError` for a generation that is not there.
 */
export interface GroupSource {
  /** Mints a generation that takes members. @throws TooManyGenerationsError */
  begin(group: string): Promise<Generation>;
  /**
   * Adds members, all or none; the same member with the same value may come again, from any
   * process. At most `MEMBER_BATCH_MAX`.
   *
   * @throws StageConflictError, or GenerationStateError once it is sealed or the era has changed
   */
  stage(group: string, generation: Generation, members: readonly StagedMember[]): Promise<void>;
  /**
   * Nothing is added any more: from here on it may be read and swapped in. Idempotent. Returns the
   * number of its members.
   *
   * @throws GenerationStateError when it is empty, or begun in another era
   */
  seal(group: string, generation: Generation): Promise<number>;
  /** Null when no generation was ever swapped in. */
  current(group: string): Promise<Generation | null>;
  /**
   * Members in the order asked, null for those that the generation doesn't have; all from one
   * snapshot. At most `MEMBER_BATCH_MAX`.
   *
   * @throws GenerationStateError while it is not sealed: what is absent could still come
   */
  read(group: string, generation: Generation, keys: readonly string[]): Promise<(string | null)[]>;
  /**
   * Members of a sealed generation in an order of the source's own, those after `after`; none at the
   * end. At most `limit`, which is at most `MEMBER_BATCH_MAX`.
   */
  page(group: string, generation: Generation, after: string | null, limit: number): Promise<StagedMember[]>;
  /**
   * Makes a sealed generation current and bumps the pointer's key, in one transaction. When it is
   * current already nothing changes, so that a swap whose outcome is unknown can be repeated.
   *
   * @throws SwapConflictError, GenerationStateError
   */
  swap(group: string, to: Generation, request: SwapRequest): Promise<Committed<Swapped>>;
  /**
   * The same swap, to one that was current before; null: to the one that became current before the
   * current one did.
   *
   * @throws SwapConflictError, GroupEmptyError, GenerationStateError
   */
  rollback(group: string, to: Generation | null, request: SwapRequest): Promise<Committed<Swapped>>;
  /** All that are kept, oldest first. */
  list(group: string): Promise<GenerationInfo[]>;
  /** Deletes what is neither current, nor kept, nor young; in steps, so that it may be interrupted. */
  collect(group: string, request: CollectRequest): Promise<Generation[]>;
}

/** @throws KeyError for what is not the name of a group */
export function assertGroupName(group: string): void {
  if (!isKeyspaceName(group))
    throw new KeyError(group, `${JSON.stringify(group)} is not the name of a group`);
}

/** Era and number of a generation. @throws KeyError, GenerationGoneError for what was never minted */
export function requireGeneration(group: string, generation: Generation): Version {
  assertGroupName(group);
  const parsed = parseGeneration(generation);
  if (!parsed) throw new GenerationGoneError(group, generation);
  return parsed;
}

/** @throws ConfigurationError for more members than one call may carry */
export function assertBatch(count: number): void {
  if (count > MEMBER_BATCH_MAX) {
    throw new ConfigurationError(`at most ${MEMBER_BATCH_MAX} members in one call, got ${count}`);
  }
}
