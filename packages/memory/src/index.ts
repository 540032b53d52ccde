export { memoryBus, type MemoryMesh, memoryMesh, type MemoryMeshOptions } from './memory-mesh.ts';
export {
  type MemoryStore,
  memoryStore,
  type MemoryStoreCheckpoint,
  type MemoryStoreOptions,
} from './memory-store.ts';
export { type MemoryCheckpoint, MemoryDatabase } from './memory-database.ts';
export { type MemoryDb, memorySource, type MemorySourceOptions, type MemoryTx } from './memory-source.ts';
