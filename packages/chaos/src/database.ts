import { migrate, trackTable } from '@tidemark/postgres';
import pg from 'pg';
import { type CommitLine, SETTINGS_KEY } from '@tidemark/checkers';
import { keyOf } from './items.ts';

/** A transaction that its writer left open, stopped or cut off, ends after this. */
const IDLE_TRANSACTION_MS = 2_000;

/*
 * The counters order the commits of each key without any help of Tidemark: a row lock held to the end
 * makes their order the order of commits, and they outlive deletion. Every writer calls these functions.
 */
const SCHEMA = `
create table chaos_items (id int primary key, counter int not null, write text not null);
create table chaos_settings (counter int not null);
create table chaos_counters (id int primary key, counter int not null);
create table chaos_log (id int, counter int not null, write text not null, absent boolean not null);

create function chaos_put(which int, writer text) returns int language plpgsql as $$
declare place int;
begin
  update chaos_counters set counter = counter + 1 where id = which returning counter into place;
  insert into chaos_items values (which, place, writer)
    on conflict (id) do update set counter = excluded.counter, write = excluded.write;
  insert into chaos_log values (which, place, writer, false);
  return place;
end $$;

create function chaos_remove(which int, writer text) returns int language plpgsql as $$
declare place int;
begin
  perform 1 from chaos_counters where id = which for update;
  delete from chaos_items where id = which;
  -- What removes nothing is no write: it has no version either.
  if not found then return null; end if;
  update chaos_counters set counter = counter + 1 where id = which returning counter into place;
  insert into chaos_log values (which, place, writer, true);
  return place;
end $$;

create function chaos_settings_change(writer text) returns int language plpgsql as $$
declare place int;
begin
  update chaos_settings set counter = counter + 1 returning counter into place;
  insert into chaos_log values (null, place, writer, false);
  return place;
end $$;

create function chaos_wipe(writer text) returns void language plpgsql set lock_timeout = '400ms' as $$
begin
  perform 1 from chaos_counters order by id for update;
  with gone as (
    update chaos_counters c set counter = c.counter + 1 from chaos_items i where i.id = c.id
    returning c.id, c.counter
  ) insert into chaos_log select id, counter, writer, true from gone;
  truncate chaos_items;
end $$;
`;

/** A database with the tables of a run: `keys` rows, tracked. @returns what the set-up committed */
export async function prepareDatabase(admin: pg.Pool, keys: number): Promise<void> {
  const { rows } = await admin.query<{ name: string }>('select quote_ident(current_database()) as name');
  await admin.query(
    `alter database ${rows[0]!.name} set idle_in_transaction_session_timeout = ${IDLE_TRANSACTION_MS}`,
  );
  await migrate(admin);
  await admin.query(SCHEMA);
  await admin.query('insert into chaos_counters select id, 0 from generate_series(1, $1::int) id', [keys]);
  await admin.query('insert into chaos_settings values (0)');
  await admin.query(
    `select chaos_put(id, 'setup') from chaos_counters; select chaos_settings_change('setup')`,
  );
  await trackTable(admin, { table: 'chaos_items', keyspace: 'item', keys: ['id'] });
}

/** Everything that was committed, in no order. */
export async function commitLog(admin: pg.Pool): Promise<CommitLine[]> {
  const { rows } = await admin.query<{ id: number | null; counter: number; write: string; absent: boolean }>(
    'select id, counter, write, absent from chaos_log',
  );
  return rows.map(({ id, ...commit }) => ({
    type: 'commit',
    key: id === null ? SETTINGS_KEY : keyOf(id),
    ...commit,
  }));
}
