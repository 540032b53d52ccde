export { type BusHarness, busSuite } from './bus-suite.ts';
export { groupSuite } from './group-suite.ts';
export { pinSuite } from './pin-suite.ts';
export { type CollectingHarness, type SourceHarness, type SourceLack, sourceSuite } from './source-suite.ts';
export { storeDifferential } from './store-differential.ts';
export { type OpenStore, type StoreHarness, type StoreHarnessOptions } from './store-harness.ts';
export { storeSuite } from './store-suite.ts';
export { sourceDifferential } from './source-differential.ts';
export type { WritingHarness } from './source-side.ts';
