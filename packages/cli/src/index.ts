export { type AgentOptions, runAgent } from './agent.ts';
export { connectRegion, type RegionParts, type RegionPlace } from './connect-region.ts';
