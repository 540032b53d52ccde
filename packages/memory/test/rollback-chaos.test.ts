import { keyspace, type LoadContext, type TidemarkNode } from '@tidemark/core';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { type MemoryDb, MemoryDatabase, memorySource, type MemoryTx } from '../src/index.ts';
import { type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

interface Rule {
  readonly text: string;
}

const IDS = [1, 2] as const;
/** What a rollback may meet while others work: no earlier value, or another change. */
const EXPECTED = new Set(['E_VERSION_GONE', 'E_ROLLBACK_CONFLICT']);

const step = fc.record({
  node: fc.constantFrom('us' as const, 'eu' as const),
  id: fc.constantFrom(...IDS),
  kind: fc.constantFrom('write', 'write', 'remove', 'read', 'read', 'read', 'rollback', 'forward'),
  turns: fc.nat(3),
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

it('over random histories regions agree with the source, and what is kept is what was', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120 }), async (steps) => {
    let loads = 0;
    const rules = keyspace({
      name: 'rule',
      params: { id: 'int' },
      retain: 4,
      async load({ id }, { db }: LoadContext<MemoryDb>) {
        loads += 1;
        await turns(loads % 3);
        const row = await db.get<Rule>(`rule:${id}`);
        await turns(loads % 4);
        return row;
      },
    });
    const database = new MemoryDatabase();
    const regions = await memoryRegions([rules], memorySource({ database }));
    /** What every ordinary write gave its key, by key and version. */
    const written = new Map<string, string | null>();

    async function run({ node: name, id, kind }: (typeof steps)[number], count: number): Promise<void> {
      const node: TidemarkNode<MemoryTx> = regions[name];
      if (kind === 'read') return void (await node.get(rules, { id }));
      if (kind === 'write' || kind === 'remove') {
        const text = kind === 'write' ? `text ${count}` : null;
        const { invalidations } = await node.write((tx) =>
          text === null ? tx.delete(`rule:${id}`) : tx.set(`rule:${id}`, { text }),
        );
        written.set(`rule:${id} ${invalidations[0]!.version.n}`, text);
        return;
      }
      const kept = await node.versions(rules, { id });
      const to = kept[count % (kept.length || 1)]?.version;
      await node
        .rollback(rules, { id }, kind === 'forward' && to ? { to } : {})
        .catch((error: { code: string }) => EXPECTED.has(error.code) || Promise.reject(error));
    }

    try {
      const running: Promise<void>[] = [];
      for (const [count, each] of steps.entries()) {
        running.push(run(each, count));
        await turns(each.turns);
      }
      await Promise.all(running);
      for (const id of IDS) {
        const content = contentOf(database, `rule:${id}`);
        for (const node of [regions.us, regions.eu, regions.deaf])
          await vi.waitFor(async () => expect(await node.get(rules, { id })).toEqual(content), WAIT);
      }
      await checkHistories(regions, written);
    } finally {
      await regions.close();
    }
  });
  await fc.assert(property, runs(12, { endOnFailure: true }));
}, 120_000);

/** What readers must get: the pinned content if the latest version is a rollback's, else the row. */
function contentOf(database: MemoryDatabase, key: string): Rule | null {
  const pin = database.pins.get(key);
  if (pin === undefined || pin.n !== database.version(key)) return database.read(key) as Rule | null;
  return pin.data && (JSON.parse(new TextDecoder().decode(pin.data)) as Rule);
}

/** A value in a history is the one that was written with its version, not a later or an earlier one. */
async function checkHistories(
  { stores }: MemoryRegions,
  written: ReadonlyMap<string, string | null>,
): Promise<void> {
  for (const store of [stores.us, stores.eu]) {
    for (const id of IDS) {
      for (const { version, data } of await store.retained(`rule:${id}`)) {
        const text = data && (JSON.parse(new TextDecoder().decode(data)) as Rule).text;
        if (version.n === 0) expect(text).toBeNull();
        else expect([version.n, text]).toEqual([version.n, written.get(`rule:${id} ${version.n}`)]);
      }
    }
  }
}
