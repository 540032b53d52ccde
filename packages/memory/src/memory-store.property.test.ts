import { storeDifferential } from '@tidemark/conformance';
import { systemRuntime } from '@tidemark/core';
import { memoryStore } from './memory-store.ts';

let nowMs = 0;

storeDifferential('memory', async (options) => {
  nowMs = 0;
  const store = memoryStore({ runtime: { ...systemRuntime, monoMs: () => nowMs }, ...options });
  return {
    store,
    naive: { get: async () => null, set: async () => {}, del: async () => {} },
    clear: async () => store.clear(),
    tick: (ms) => void (nowMs += ms),
    close: () => store.close(),
  };
});
