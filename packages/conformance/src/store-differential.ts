import { compareVersions, judgeRecord, type Store } from '@tidemark/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from './property.ts';
import { type OpenStore, START } from './store-harness.ts';
import { StoreModel } from './store-model.ts';
import { anyStep, KEYS, type Side } from './store-steps.ts';

const RUNS = 200;

function hex(data: Uint8Array | null): string | null {
  return data && Buffer.from(data).toString('hex');
}

/** All that a node can see of a store. Times only when both sides have the same clock. */
async function view(store: Store, timed: boolean): Promise<unknown> {
  const { meta, records, nowMs } = await store.read(KEYS);
  const others = await Promise.all([1, 2, 3].map((schema) => store.read(KEYS, schema)));
  const histories = await Promise.all(KEYS.map((key) => store.retained(key)));
  return {
    histories: histories.map((history) =>
      history.map((value) => ({
        ...value,
        filledAtMs: timed ? value.filledAtMs : 0,
        data: hex(value.data),
      })),
    ),
    meta: meta && { ...meta, scopes: [...meta.scopes] },
    nowMs: timed ? nowMs : 0,
    records: [records, ...others.map((each) => each.records)].map((some) =>
      some.map((record, i) => {
        if (!record) return null;
        const { tidemark, value, ...more } = record;
        // Whether a store keeps what nobody may be served any more is its own affair.
        if (!value || compareVersions(value.version, tidemark) < 0) return { tidemark, value: null };
        const ageMs = timed ? nowMs - value.filledAtMs : 0;
        const shown = { ...value, filledAtMs: timed ? value.filledAtMs : 0, data: hex(value.data) };
        const judged = judgeRecord(meta!, record, KEYS[i]!.split(':')[0]!, 1, ageMs);
        return { tidemark, value: shown, more, judged };
      }),
    ),
  };
}

/**
 * The same random history on a store and on the pure rules of `protocol/`, their answers and all
 * that can be read compared after every step.
 */
export function storeDifferential(name: string, open: OpenStore): void {
  describe(`store: ${name} equals the pure rules`, () => {
    it('over random histories', async () => {
      const tombstoneTtlMs = 60_000;
      const harness = await open({ tombstoneTtlMs });
      const ticks = harness.tick !== undefined;
      // Several processes share a store; what one of them remembers of it must not matter.
      const processes = [harness.store, harness.another ?? harness.store].map((store): Side => ({
        store,
        clear: () => harness.clear(),
        tick: (ms) => harness.tick?.(ms),
      }));
      const model = new StoreModel(tombstoneTtlMs);
      const modelled: Side = {
        store: model,
        clear: async () => model.clear(),
        tick: (ms) => void (model.nowMs += ms),
      };
      const property = fc.asyncProperty(
        fc.array(fc.tuple(anyStep(ticks), fc.nat(1)), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 5 }),
        async (steps, uninitialised) => {
          await harness.clear();
          model.clear();
          if (uninitialised > 0) {
            await harness.store.initialise('life-1', START);
            await model.initialise('life-1', START);
          }
          for (const [step, process] of steps) {
            expect(await step.run(processes[process]!)).toEqual(await step.run(modelled));
            expect(await view(processes[1 - process]!.store, ticks)).toEqual(await view(model, ticks));
          }
        },
      );
      try {
        await fc.assert(property, runs(RUNS));
      } finally {
        await harness.close();
      }
    }, 120_000);
  });
}
