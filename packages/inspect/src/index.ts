export { addressOf } from './address.ts';
export { askNodes, type AskNodesOptions } from './ask-nodes.ts';
export { examineMesh } from './examine-mesh.ts';
export { findingOf } from './find.ts';
export type { Finding, Severity } from './finding.ts';
export { assertKey, inspectKey, type InspectOptions } from './inspect-key.ts';
export {
  type KeyTimeline,
  keyTimeline,
  type TimelineEvent,
  type TimelineOptions,
  type TimelineRegion,
  traceOf,
} from './key-timeline.ts';
export type { KeyNodes, KeySource, KeyStore, KeyView, MetaView, Serving, ValueView } from './key-view.ts';
export { type Mesh, type MeshPlace, type MeshRegion, openMesh } from './mesh.ts';
export type {
  BusView,
  FreshnessView,
  MeshView,
  PairView,
  RegionView,
  StoreView,
  Trouble,
} from './mesh-view.ts';
export type { Reached } from './reached.ts';
export { readMesh } from './read-mesh.ts';
export {
  type GroupRollback,
  invalidate,
  type KeyRollback,
  planGroupRollback,
  planKeyRollback,
} from './actions.ts';
export { type AppliedIn, waitApplied } from './applied.ts';
export { type HeldLetter, meshLetters, type MeshLetters, replayLetter } from './dead-letters.ts';
export { trackCommand } from './track-command.ts';
export { type MeshEvent, type MeshWatch, watchMesh } from './watch-mesh.ts';
