import type { Generation } from '../protocol/generation.ts';
import { TidemarkError } from './errors.ts';

/** The group has no current generation, or none to roll back to. */
export class GroupEmptyError extends TidemarkError {
  readonly group: string;
  constructor(group: string, what: 'current' | 'previous') {
    super(
      'E_GROUP_EMPTY',
      what === 'current'
        ? `group ${group} has no current generation; stage one and swap it in`
        : `group ${group} has no earlier generation to roll back to; name one that generations() lists`,
    );
    this.group = group;
  }
}

/** The generation was collected, or never was. Its members are not there any more, anywhere. */
export class GenerationGoneError extends TidemarkError {
  readonly group: string;
  readonly generation: Generation;
  constructor(group: string, generation: Generation) {
    super(
      'E_GENERATION_GONE',
      `generation ${generation} of group ${group} is not there any more; ` +
        'open a new view, with a bounded consistency if this region may be cut off',
    );
    this.group = group;
    this.generation = generation;
  }
}

const STATE_PROBLEMS = {
  open: 'is not sealed: members may still come; seal it first',
  sealed: 'is sealed and takes no more members; stage a new generation',
  empty: 'has no members; stage them first',
  era: 'was begun before the source went back in time; stage a new generation',
  'never-current': 'never was current, so nothing can be rolled back to it; swap it in',
} as const;

/** The generation is not in a state that allows this. */
export class GenerationStateError extends TidemarkError {
  readonly group: string;
  readonly generation: Generation;
  readonly problem: keyof typeof STATE_PROBLEMS;
  constructor(group: string, generation: Generation, problem: keyof typeof STATE_PROBLEMS) {
    super('E_GENERATION_STATE', `generation ${generation} of group ${group} ${STATE_PROBLEMS[problem]}`);
    this.group = group;
    this.generation = generation;
    this.problem = problem;
  }
}

/** A member was staged twice with different values; the first one stays. */
export class StageConflictError extends TidemarkError {
  readonly group: string;
  readonly generation: Generation;
  readonly member: string;
  constructor(group: string, generation: Generation, member: string) {
    super(
      'E_STAGE_CONFLICT',
      `member ${member} of group ${group} was staged in generation ${generation} with another value; ` +
        'members never change, stage a new generation',
    );
    this.group = group;
    this.generation = generation;
    this.member = member;
  }
}

/** Staging ended early. What was staged stays, unseen: stage again with `{ generation }` to go on. */
export class StageInterruptedError extends TidemarkError {
  readonly group: string;
  readonly generation: Generation;
  constructor(group: string, generation: Generation, cause: unknown) {
    super(
      'E_STAGE_INTERRUPTED',
      `staging generation ${generation} of group ${group} ended early (${cause instanceof Error ? cause.message : String(cause)}); ` +
        `stage again with { generation: '${generation}' }, or leave it: nobody sees it`,
      { cause },
    );
    this.group = group;
    this.generation = generation;
  }
}

/** Another swap came first. */
export class SwapConflictError extends TidemarkError {
  readonly group: string;
  readonly expected: Generation | null;
  readonly current: Generation | null;
  constructor(group: string, expected: Generation | null, current: Generation | null) {
    super(
      'E_SWAP_CONFLICT',
      `group ${group} is at generation ${current ?? 'none'}, not ${expected ?? 'none'}: somebody else swapped; ` +
        'look at it, then swap again from there',
    );
    this.group = group;
    this.expected = expected;
    this.current = current;
  }
}

/** More generations than a group may keep. */
export class TooManyGenerationsError extends TidemarkError {
  readonly group: string;
  constructor(group: string, limit: number) {
    super(
      'E_TOO_MANY_GENERATIONS',
      `group ${group} keeps ${limit} generations already; call collectGenerations() regularly`,
    );
    this.group = group;
  }
}

/** The view is older than its group allows. */
export class ViewExpiredError extends TidemarkError {
  readonly group: string;
  readonly generation: Generation;
  constructor(group: string, generation: Generation, lifeMs: number) {
    super(
      'E_VIEW_EXPIRED',
      `this view of group ${group} is older than ${lifeMs} ms, and its generation ${generation} may be collected; ` +
        'open a new view, or raise viewLife',
    );
    this.group = group;
    this.generation = generation;
  }
}
