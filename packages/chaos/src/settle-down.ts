import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { FinalLine, Value } from '@tidemark/checkers';
import type { TierEntry } from './child-messages.ts';
import { machineMs } from './clock.ts';
import type { Fleet, Member } from './fleet.ts';
import { keyOf } from './items.ts';

const POLL_MS = 50;

export interface Settled {
  /** Null: not within the time allowed. */
  readonly convergedAfterMs: number | null;
  readonly finals: readonly FinalLine[];
  /** Entries of tiers that were compared last. */
  readonly compared: number;
}

/** Asks every tier of every region until all equal Postgres; `sinceMs` is when faults and work had ended. */
export async function settleDown(
  fleet: Fleet,
  admin: pg.Pool,
  sinceMs: number,
  maxMs: number,
  signal: AbortSignal,
): Promise<Settled> {
  const truth = await currentValues(admin);
  const untilMs = sinceMs + maxMs;
  for (;;) {
    const askedMs = machineMs();
    const answers = await fleet.entries(false);
    const equal =
      answers !== null &&
      [...answers.values()].every((entries) => entries.every((entry) => sameAs(truth, entry)));
    if (equal || askedMs > untilMs) {
      // Everything was equal at the latest when the last answers came.
      const convergedAfterMs = equal ? Math.max(0, machineMs() - sinceMs) : null;
      // Keys that no tier holds must be right as well.
      const read = await fleet.entries(true);
      const finals = toFinals(read ?? answers ?? new Map());
      return { convergedAfterMs, finals, compared: finals.length };
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function currentValues(admin: pg.Pool): Promise<ReadonlyMap<string, Value>> {
  const { rows } = await admin.query<Value & { id: number }>(
    `select i.id, i.counter, i.write, s.counter as settings from chaos_items i cross join chaos_settings s`,
  );
  return new Map(rows.map(({ id, counter, write, settings }) => [keyOf(id), { counter, write, settings }]));
}

function sameAs(truth: ReadonlyMap<string, Value>, { key, value }: TierEntry): boolean {
  const current = truth.get(key);
  if (!current || !value) return !current && !value;
  return (
    current.counter === value.counter && current.write === value.write && current.settings === value.settings
  );
}

function toFinals(answers: ReadonlyMap<Member, readonly TierEntry[]>): FinalLine[] {
  return [...answers].flatMap(([{ region, process }, entries]) =>
    entries.map(({ tier, key, value }): FinalLine => ({ type: 'final', region, process, tier, key, value })),
  );
}
