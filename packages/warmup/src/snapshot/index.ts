export { openSnapshot, type Snapshot } from './open-snapshot.ts';
export { SnapshotError } from './snapshot-error.ts';
export { type SnapshotHeader, type SnapshotSummary, writeSnapshot } from './write-snapshot.ts';
export { snapshotKeys, snapshotWork } from './snapshot-work.ts';
