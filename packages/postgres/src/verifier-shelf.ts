import type { SqlExecutor, Version } from '@tidemark/core';
import { toSchemaError } from './errors.ts';
import { SCHEMA_VERSION } from './migrations.ts';

/** Events of one save; what comes on top waits for the next one. */
export const SHELF_EVENTS_MAX = 5_000;

/** An invalidation that is to be checked. */
export interface ShelvedEvent {
  /** In the order in which they were seen. */
  readonly id: number;
  readonly key: string;
  readonly version: Version;
  /** Since it was seen, ms. */
  readonly ageMs: number;
}

/** What was saved last. `state` is what was given; whoever reads it must not trust its shape. */
export interface Shelved {
  readonly state: unknown;
  readonly events: readonly ShelvedEvent[];
}

/** Where a verifier keeps what it has still to check, in the source's schema. */
export interface VerifierShelf {
  /** Null when nothing was saved under the name. */
  load(name: string): Promise<Shelved | null>;
  /**
   * In one transaction: replaces the state, drops the events below `doneBelow`, and adds at most `SHELF_EVENTS_MAX`
   * new ones.
   */
  save(name: string, state: unknown, doneBelow: number, events: readonly ShelvedEvent[]): Promise<void>;
}

type Row = readonly [id: number, key: string, era: number, n: number, ageMs: number];

/** @param db of `postgresSource`. All reject with a `SchemaVersionError` before `migrate()` */
export function verifierShelf(db: SqlExecutor): VerifierShelf {
  async function call<R>(text: string, values: readonly unknown[]): Promise<R> {
    try {
      return (await db.one<{ result: R }>(text, values)).result;
    } catch (error) {
      throw toSchemaError(error, SCHEMA_VERSION);
    }
  }
  return {
    async load(name) {
      const found = await call<{ state: unknown; events: readonly Row[] } | null>(
        'SELECT tidemark.verifier_load($1) AS result',
        [name],
      );
      return (
        found && {
          state: found.state,
          events: found.events.map(([id, key, era, n, ageMs]) => ({ id, key, version: { era, n }, ageMs })),
        }
      );
    },
    async save(name, state, doneBelow, events) {
      const rows = events
        .slice(0, SHELF_EVENTS_MAX)
        .map(({ id, key, version, ageMs }): Row => [id, key, version.era, version.n, ageMs]);
      await call('SELECT tidemark.verifier_save($1, $2, $3, $4) AS result', [
        name,
        JSON.stringify(state),
        doneBelow,
        JSON.stringify(rows),
      ]);
    },
  };
}
