export type { Environment } from './endpoints.ts';
export { RegionError, type RegionErrorCode } from './errors.ts';
export { loadRegions } from './load-regions.ts';
export type { Region, RegionSet } from './region-set.ts';
export { regionSchema } from './schema.ts';
