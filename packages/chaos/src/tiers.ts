import { judgeRecord, type SqlExecutor, type Store, type TidemarkNode } from '@tidemark/core';
import type { Value } from '@tidemark/checkers';
import type { TierEntry } from './child-messages.ts';
import { items, keyOf } from './items.ts';

/** What each tier of this process would serve; `keys`: and what an eventual read of each key returns. */
export async function tierEntries(
  node: TidemarkNode<SqlExecutor>,
  store: Store,
  keys: number | null,
): Promise<TierEntry[]> {
  const entries: TierEntry[] = [];
  for (const [key, value] of node.l1Entries())
    entries.push({ tier: 'l1', key, value: value as Value | null });
  for await (const page of store.keys()) {
    const { meta, records, nowMs } = await store.read(page);
    for (const [i, record] of records.entries()) {
      if (!meta || !record) continue;
      const ageMs = nowMs - (record.value?.filledAtMs ?? 0);
      if (judgeRecord(meta, record, items.name, items.schemaVersion, ageMs) !== 'fresh') continue;
      const data = record.value?.data;
      const value = data ? (JSON.parse(Buffer.from(data).toString()) as Value) : null;
      entries.push({ tier: 'l2', key: page[i]!, value });
    }
  }
  if (keys === null) return entries;
  const ids = Array.from({ length: keys }, (_, i) => i + 1);
  // Together: from a far region each load by itself takes several round trips to Postgres.
  const values = await node.getMany(
    items,
    ids.map((id) => ({ id })),
  );
  for (const [i, value] of values.entries()) entries.push({ tier: 'read', key: keyOf(ids[i]!), value });
  return entries;
}
