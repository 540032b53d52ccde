import {
  assertBatch,
  assertGroupName,
  type CollectRequest,
  compareGenerations,
  type Generation,
  GENERATIONS_MAX,
  GenerationGoneError,
  type GenerationInfo,
  type GenerationState,
  GenerationStateError,
  GroupEmptyError,
  type GroupSource,
  pointerKey,
  requireGeneration,
  StageConflictError,
  SwapConflictError,
  type Swapped,
  type SwapRequest,
  TidemarkError,
  TooManyGenerationsError,
} from '@tidemark/core';
import type { MemoryDatabase, RunningTransaction } from './memory-database.ts';

/** Members that a memory database keeps, of all groups together. */
const MEMBERS_MAX = 1_000_000;
const GROUPS_MAX = 10_000;

/** One generation; replaced, never changed, except for the members of one that is still staged. */
interface GenerationRow {
  readonly generation: Generation;
  readonly state: GenerationState;
  /** Place among those that became current; 0 for one that never was. */
  readonly turn: number;
  readonly members: ReadonlyMap<string, string>;
  readonly createdAtMs: number;
  readonly touchedAtMs: number;
  readonly swappedAtMs: number | null;
  readonly retiredAtMs: number | null;
}

interface GroupRow {
  readonly current: Generation | null;
  readonly turns: number;
  readonly generations: ReadonlyMap<Generation, GenerationRow>;
}

const EMPTY: GroupRow = { current: null, turns: 0, generations: new Map() };

/** Groups of a memory database. All rows are immutable, so that a checkpoint is a copy of one map. */
export class MemoryGroups {
  #groups = new Map<string, GroupRow>();
  #members = 0;
  #nextN = 1;

  checkpoint(): { readonly groups: ReadonlyMap<string, GroupRow>; readonly nextN: number } {
    return { groups: new Map(this.#groups), nextN: this.#nextN };
  }

  restore({ groups, nextN }: ReturnType<MemoryGroups['checkpoint']>): void {
    this.#groups = new Map(groups);
    this.#nextN = nextN;
    this.#members = [...groups.values()]
      .flatMap((row) => [...row.generations.values()])
      .reduce((sum, { members }) => sum + members.size, 0);
  }

  group(name: string): GroupRow {
    return this.#groups.get(name) ?? EMPTY;
  }

  begin(name: string, era: number, nowMs: number): Generation {
    const row = this.group(name);
    if (row.generations.size >= GENERATIONS_MAX) throw new TooManyGenerationsError(name, GENERATIONS_MAX);
    if (row === EMPTY && this.#groups.size >= GROUPS_MAX) throw full(`${GROUPS_MAX} groups`);
    const generation = `${era}.${this.#nextN++}`;
    this.put(name, row, {
      generation,
      state: 'staging',
      turn: 0,
      members: new Map(),
      createdAtMs: nowMs,
      touchedAtMs: nowMs,
      swappedAtMs: null,
      retiredAtMs: null,
    });
    return generation;
  }

  /** @throws GenerationGoneError */
  find(name: string, generation: Generation): GenerationRow {
    requireGeneration(name, generation);
    const row = this.group(name).generations.get(generation);
    if (!row) throw new GenerationGoneError(name, generation);
    return row;
  }

  put(name: string, group: GroupRow, ...rows: readonly GenerationRow[]): void {
    const generations = new Map(group.generations);
    for (const row of rows) generations.set(row.generation, row);
    this.#groups.set(name, { ...group, generations });
  }

  setMembers(name: string, row: GenerationRow, members: ReadonlyMap<string, string>): void {
    const grown = this.#members + members.size - row.members.size;
    if (grown > MEMBERS_MAX) throw full(`${MEMBERS_MAX} members`);
    this.#members = grown;
    this.put(name, this.group(name), { ...row, members });
  }

  remove(name: string, doomed: readonly GenerationRow[]): void {
    const group = this.group(name);
    const generations = new Map(group.generations);
    for (const { generation, members } of doomed) {
      generations.delete(generation);
      this.#members -= members.size;
    }
    this.#groups.set(name, { ...group, generations });
  }
}

function full(limit: string): TidemarkError {
  return new TidemarkError(
    'E_MEMORY_FULL',
    `the memory source keeps at most ${limit}; use @tidemark/postgres`,
  );
}

/** Runs a task of an open source. */
type Open = <T>(task: () => T | Promise<T>) => Promise<T>;

/** Groups as one source sees them. */
export function memoryGroups(database: MemoryDatabase, open: Open, wallMs: () => number): GroupSource {
  const { groups } = database;

  async function commit(
    group: string,
    request: SwapRequest,
    choose: () => GenerationRow,
  ): Promise<{ value: Swapped; invalidations: ReturnType<MemoryDatabase['commit']> }> {
    assertGroupName(group);
    if (request.from) requireGeneration(group, request.from);
    const running: RunningTransaction = database.begin();
    try {
      // Rivals wait for the pointer's key; from here to the commit nothing else runs.
      await database.bump(running, pointerKey(group));
      const row = groups.group(group);
      const target = choose();
      if (target.generation === row.current) {
        database.rollback(running);
        return { value: { generation: row.current, previous: row.current }, invalidations: [] };
      }
      if (request.from !== undefined && request.from !== row.current)
        throw new SwapConflictError(group, request.from, row.current);
      const invalidations = database.commit(running);
      swapIn(groups, group, target, wallMs());
      return { value: { generation: target.generation, previous: row.current }, invalidations };
    } catch (error) {
      database.rollback(running);
      throw error;
    }
  }

  return {
    begin: (group) =>
      open(() => {
        assertGroupName(group);
        return groups.begin(group, database.era, wallMs());
      }),
    stage: (group, generation, members) =>
      open(() => {
        assertBatch(members.length);
        const row = groups.find(group, generation);
        if (row.state !== 'staging') throw new GenerationStateError(group, generation, 'sealed');
        assertEra(database, group, generation);
        const grown = new Map(row.members);
        for (const { key, value } of members) {
          if ((grown.get(key) ?? value) !== value) throw new StageConflictError(group, generation, key);
          grown.set(key, value);
        }
        groups.setMembers(group, row, grown);
      }),
    seal: (group, generation) =>
      open(() => {
        const row = groups.find(group, generation);
        if (row.state !== 'staging') return row.members.size;
        assertEra(database, group, generation);
        if (row.members.size === 0) throw new GenerationStateError(group, generation, 'empty');
        groups.put(group, groups.group(group), { ...row, state: 'staged', touchedAtMs: wallMs() });
        return row.members.size;
      }),
    current: (group) =>
      open(() => {
        assertGroupName(group);
        return groups.group(group).current;
      }),
    read: (group, generation, keys) =>
      open(() => {
        assertBatch(keys.length);
        const { state, members } = groups.find(group, generation);
        if (state === 'staging') throw new GenerationStateError(group, generation, 'open');
        return keys.map((key) => members.get(key) ?? null);
      }),
    page: (group, generation, after, limit) =>
      open(() => {
        assertBatch(limit);
        const { state, members } = groups.find(group, generation);
        if (state === 'staging') throw new GenerationStateError(group, generation, 'open');
        const keys = [...members.keys()].sort().filter((key) => after === null || key > after);
        return keys.slice(0, limit).map((key) => ({ key, value: members.get(key)! }));
      }),
    swap: (group, to, request) =>
      open(() => commit(group, request, () => requireState(group, groups.find(group, to), false))),
    rollback: (group, to, request) =>
      open(() =>
        commit(group, request, () =>
          to === null ? previousOf(groups, group) : requireState(group, groups.find(group, to), true),
        ),
      ),
    list: (group) =>
      open(() => {
        assertGroupName(group);
        const rows = [...groups.group(group).generations.values()];
        return rows.sort((a, b) => compareGenerations(a.generation, b.generation)).map(describe);
      }),
    collect: (group, request) =>
      open(() => {
        assertGroupName(group);
        const doomed = chooseDoomed([...groups.group(group).generations.values()], request, wallMs());
        groups.remove(group, doomed);
        return doomed.map(({ generation }) => generation).sort(compareGenerations);
      }),
  };
}

function swapIn(groups: MemoryGroups, name: string, target: GenerationRow, nowMs: number): void {
  const group = groups.group(name);
  const before = group.current === null ? undefined : group.generations.get(group.current);
  const turns = target.turn === 0 ? group.turns + 1 : group.turns;
  groups.put(
    name,
    { ...group, current: target.generation, turns },
    ...(before ? [{ ...before, state: 'retired' as const, retiredAtMs: nowMs }] : []),
    {
      ...target,
      state: 'current',
      turn: target.turn === 0 ? turns : target.turn,
      swappedAtMs: target.swappedAtMs ?? nowMs,
      retiredAtMs: null,
    },
  );
}

function assertEra(database: MemoryDatabase, group: string, generation: Generation): void {
  if (requireGeneration(group, generation).era !== database.era)
    throw new GenerationStateError(group, generation, 'era');
}

function requireState(group: string, row: GenerationRow, back: boolean): GenerationRow {
  if (row.state === 'staging') throw new GenerationStateError(group, row.generation, 'open');
  if (back && row.state === 'staged') throw new GenerationStateError(group, row.generation, 'never-current');
  return row;
}

function previousOf(groups: MemoryGroups, name: string): GenerationRow {
  const { current, generations } = groups.group(name);
  const { turn } = (current !== null && generations.get(current)) || { turn: 0 };
  const earlier = [...generations.values()].filter((row) => row.state === 'retired' && row.turn < turn);
  const latest = earlier.sort((a, b) => b.turn - a.turn)[0];
  if (!latest) throw new GroupEmptyError(name, 'previous');
  return latest;
}

function chooseDoomed(
  rows: readonly GenerationRow[],
  { keep, graceMs, abandonedMs }: CollectRequest,
  nowMs: number,
): GenerationRow[] {
  const retired = rows.filter(({ state }) => state === 'retired').sort((a, b) => b.turn - a.turn);
  const old = retired.slice(keep).filter(({ retiredAtMs }) => retiredAtMs! <= nowMs - graceMs);
  const abandoned = rows.filter(
    ({ state, touchedAtMs }) =>
      (state === 'staging' || state === 'staged') && touchedAtMs <= nowMs - abandonedMs,
  );
  return [...old, ...abandoned];
}

function describe(row: GenerationRow): GenerationInfo {
  const { generation, state, members, createdAtMs, swappedAtMs, retiredAtMs } = row;
  return { generation, state, members: members.size, createdAtMs, swappedAtMs, retiredAtMs };
}
