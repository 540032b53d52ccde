import {
  assertBatch,
  assertGroupName,
  type Bump,
  type Committed,
  type Generation,
  GENERATIONS_MAX,
  type GenerationInfo,
  GenerationGoneError,
  GenerationStateError,
  GroupEmptyError,
  type GroupSource,
  requireGeneration,
  type SqlExecutor,
  StageConflictError,
  SwapConflictError,
  type Swapped,
  type SwapRequest,
  TooManyGenerationsError,
} from '@tidemark/core';

/** Members that one statement of a collection deletes. */
const DELETE_MAX = 5_000;

/** Runs one of our own statements and returns its `result`. */
type Call = <R>(text: string, values: readonly unknown[]) => Promise<R>;
type Transaction = <T>(work: (tx: SqlExecutor, bump: Bump) => Promise<T>) => Promise<Committed<T>>;

/** Result of `tidemark.swap_generation()`. */
type SwapAnswer =
  | { readonly outcome: 'swapped'; readonly generation: Generation; readonly previous: Generation | null }
  | { readonly outcome: 'unchanged'; readonly generation: Generation }
  | { readonly outcome: 'conflict'; readonly current: Generation | null }
  | { readonly outcome: 'gone' | 'empty' | 'staging' | 'staged' };

/** Result of `tidemark.read_members()` and `tidemark.page_members()`. */
interface MembersAnswer<T> {
  readonly state: string;
  readonly values?: readonly T[];
}

/** Groups in the schema `tidemark`; see `sql/0003-groups.sql`. */
export function postgresGroups(call: Call, transaction: Transaction): GroupSource {
  function swap(
    group: string,
    to: Generation | null,
    back: boolean,
    request: SwapRequest,
  ): Promise<Committed<Swapped>> {
    const target = to === null ? null : requireGeneration(group, to);
    const from = request.from ? requireGeneration(group, request.from) : null;
    return transaction(async (tx) => {
      const { answer } = await tx.one<{ answer: SwapAnswer }>(
        'SELECT tidemark.swap_generation($1, $2, $3, $4, $5, $6, $7) AS answer',
        [group, target?.era, target?.n, back, request.from !== undefined, from?.era, from?.n],
      );
      return toSwapped(group, to, request, answer);
    });
  }

  return {
    async begin(group) {
      assertGroupName(group);
      const minted = await call<Generation | null>('SELECT tidemark.begin_generation($1, $2) AS result', [
        group,
        GENERATIONS_MAX,
      ]);
      if (minted === null) throw new TooManyGenerationsError(group, GENERATIONS_MAX);
      return minted;
    },

    async stage(group, generation, members) {
      const { era, n } = requireGeneration(group, generation);
      assertBatch(members.length);
      const problem = await call<string | null>(
        'SELECT tidemark.stage_members($1, $2, $3, $4, $5) AS result',
        [group, era, n, members.map(({ key }) => key), members.map(({ value }) => value)],
      );
      if (problem === null) return;
      if (problem === 'gone') throw new GenerationGoneError(group, generation);
      if (problem === 'sealed') throw new GenerationStateError(group, generation, 'sealed');
      if (problem === 'era') throw new GenerationStateError(group, generation, 'era');
      throw new StageConflictError(group, generation, problem.slice(1));
    },

    async seal(group, generation) {
      const { era, n } = requireGeneration(group, generation);
      const total = Number(
        await call('SELECT tidemark.seal_generation($1, $2, $3) AS result', [group, era, n]),
      );
      if (total === -1) throw new GenerationGoneError(group, generation);
      if (total === -2) throw new GenerationStateError(group, generation, 'era');
      if (total === 0) throw new GenerationStateError(group, generation, 'empty');
      return total;
    },

    async current(group) {
      assertGroupName(group);
      return (
        (await call<Generation | null>('SELECT tidemark.current_generation($1) AS result', [group])) ?? null
      );
    },

    async read(group, generation, keys) {
      const { era, n } = requireGeneration(group, generation);
      assertBatch(keys.length);
      const text = 'SELECT tidemark.read_members($1, $2, $3, $4) AS result';
      return sealedOnly(group, generation, await call(text, [group, era, n, keys]));
    },

    async page(group, generation, after, limit) {
      const { era, n } = requireGeneration(group, generation);
      assertBatch(limit);
      const text = 'SELECT tidemark.page_members($1, $2, $3, $4, $5) AS result';
      return sealedOnly(group, generation, await call(text, [group, era, n, after, limit]));
    },

    swap: async (group, to, request) => swap(group, to, false, request),

    async rollback(group, to, request) {
      assertGroupName(group);
      return swap(group, to, true, request);
    },

    async list(group) {
      assertGroupName(group);
      return call<GenerationInfo[]>('SELECT tidemark.list_generations($1) AS result', [group]);
    },

    async collect(group, { keep, graceMs, abandonedMs }) {
      assertGroupName(group);
      const collected = await call<Generation[]>(
        'SELECT tidemark.collect_generations($1, $2, $3, $4) AS result',
        [group, keep, graceMs, abandonedMs],
      );
      const remove = (): Promise<unknown> =>
        call('SELECT tidemark.delete_collected($1, $2) AS result', [group, DELETE_MAX]);
      while (Number(await remove()) > 0);
      return collected;
    },
  };
}

function sealedOnly<T>(group: string, generation: Generation, { state, values }: MembersAnswer<T>): T[] {
  if (values) return [...values];
  if (state === 'staging') throw new GenerationStateError(group, generation, 'open');
  throw new GenerationGoneError(group, generation);
}

function toSwapped(group: string, to: Generation | null, request: SwapRequest, answer: SwapAnswer): Swapped {
  switch (answer.outcome) {
    case 'swapped':
      return { generation: answer.generation, previous: answer.previous };
    case 'unchanged':
      return { generation: answer.generation, previous: answer.generation };
    case 'conflict':
      throw new SwapConflictError(group, request.from ?? null, answer.current);
    case 'gone':
      throw new GenerationGoneError(group, to!);
    case 'empty':
      throw new GroupEmptyError(group, 'previous');
    case 'staging':
      throw new GenerationStateError(group, to!, 'open');
    case 'staged':
      throw new GenerationStateError(group, to!, 'never-current');
  }
}
