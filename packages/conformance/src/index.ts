export { type SourceHarness, type SourceLack, sourceSuite } from './source-suite.ts';
