export { postgresSource, CHANGES_LIMIT_MAX } from './source.ts';
export { TRANSACTION_BUMPS_MAX, COMMITTED_INVALIDATIONS_MAX } from './transaction.ts';
export { migrate, SCHEMA_VERSION, schemaVersion, type MigrateOptions } from './migrations.ts';
export { type TrackingProblem, trackingProblems } from './tracking-problems.ts';
export { trackTable, untrackTable, trackedTables } from './tracking.ts';
export type { DigestColumn, TrackedTable } from './tracked-table.ts';
export type { TrackedStatement } from './triggers.ts';
export { collectDeleted, COLLECT_LIMIT_MAX, type CollectOptions } from './collection.ts';
export {
  BACKLOG_MAX,
  type Backlog,
  type ChangelogRow,
  inspectSource,
  type KeyFacts,
  type SourceFacts,
  type SourceInspector,
} from './facts.ts';
export {
  SHELF_EVENTS_MAX,
  type Shelved,
  type ShelvedEvent,
  type VerifierShelf,
  verifierShelf,
} from './verifier-shelf.ts';
export { parseLabel } from './answers.ts';
export type { PostgresOptions, ReplicaOptions } from './options.ts';
export {
  CommitUnknownError,
  SchemaVersionError,
  TooManyBumpsError,
  TrackError,
  type TrackProblem,
} from './errors.ts';
export type { SqlExecutor } from '@tidemark/core';
