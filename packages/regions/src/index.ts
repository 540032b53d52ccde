export { RegionError } from './errors.ts';
export { loadRegions } from './load-regions.ts';
export { type Region, RegionSet } from './region-set.ts';
