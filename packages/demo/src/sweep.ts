import { judgeRecord } from '@tidemark/core';
import type pg from 'pg';
import { cities, type City, currentCities } from './city.ts';
import type { Mesh, MeshNode } from './mesh.ts';
import type { Oracle } from './oracle.ts';

const BATCH = 500;

export interface SweepResult {
  /** Entries that a read could be served from, each compared with its row. */
  readonly checkedEntries: number;
  /** Of those, the ones that differ from the source. */
  readonly divergentKeys: number;
  /** Acknowledged writes that the source lost, or that a region which knows the key never heard of. */
  readonly lostWrites: number;
}

/** Compares every cached entry of every tier of every region with the source. */
export async function sweep(mesh: Mesh, admin: pg.Pool, oracle: Oracle): Promise<SweepResult> {
  const rows = await currentCities(admin);
  const versions = await changelog(admin);
  const divergent = new Set<string>();
  let checkedEntries = 0;
  let unheard = 0;
  const check = (key: string, value: unknown, where: string): void => {
    checkedEntries += 1;
    if (!sameCity(value, rows.get(idOf(key)))) divergent.add(`${where} ${key}`);
  };
  const regions = new Map<string, MeshNode>(mesh.nodes.map((each) => [each.region, each]));
  for (const [region, { store }] of regions) {
    for await (const page of store.keys()) {
      for (let start = 0; start < page.length; start += BATCH) {
        const keys = page.slice(start, start + BATCH);
        const { meta, records, nowMs } = await store.read(keys);
        for (const [i, record] of records.entries()) {
          const key = keys[i]!;
          if (!record || !meta) continue;
          if (record.tidemark.n < (versions.get(key) ?? 0)) unheard += 1;
          const ageMs = nowMs - (record.value?.filledAtMs ?? 0);
          const freshness = judgeRecord(meta, record, cities.name, cities.schemaVersion, ageMs);
          if (freshness !== 'fresh' && freshness !== 'stale') continue;
          const data = record.value?.data;
          check(key, data ? JSON.parse(Buffer.from(data).toString()) : null, `${region} L2`);
        }
      }
    }
  }
  for (const [i, { region, node }] of mesh.nodes.entries()) {
    for (const [key, value] of node.l1Entries()) check(key, value, `${region} L1 ${i}`);
  }
  const lost = oracle.missingIn((id) => rows.get(id)?.revision ?? 0);
  return { checkedEntries, divergentKeys: divergent.size, lostWrites: lost + unheard };
}

async function changelog(admin: pg.Pool): Promise<ReadonlyMap<string, number>> {
  const { rows } = await admin.query<{ key: string; version: string }>(
    'select key, version from tidemark.versions',
  );
  return new Map(rows.map(({ key, version }) => [key, Number(version)]));
}

function idOf(key: string): number {
  return Number(key.slice(key.indexOf(':') + 1));
}

function sameCity(value: unknown, row: City | undefined): boolean {
  if (!value || !row) return !value && !row;
  const city = value as City;
  return (
    city.id === row.id &&
    city.name === row.name &&
    city.country === row.country &&
    city.population === row.population &&
    city.revision === row.revision
  );
}
