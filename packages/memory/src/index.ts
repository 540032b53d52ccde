export { memoryBus, type MemoryMesh, memoryMesh, type MemoryMeshOptions } from './memory-mesh.ts';
export { type MemoryStore, memoryStore, type MemoryStoreOptions } from './memory-store.ts';
