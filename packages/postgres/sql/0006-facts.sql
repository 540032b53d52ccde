-- Facts for those who look at the mesh from outside: operators and their tools. Nothing in the data path uses them.
-- Runs inside the migration's transaction.

-- The changelog's rows of keys, in the order asked, and where the changelog stands; in one snapshot.
CREATE FUNCTION tidemark.key_facts(keys text[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
BEGIN
  SELECT * INTO STRICT p FROM tidemark.position_now();
  RETURN (
    SELECT json_build_object(
      'era', p.era,
      'xid', p.horizon::text::bigint,
      'atMs', floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
      'rows', coalesce(json_agg(
        CASE WHEN v.key IS NOT NULL THEN json_build_object(
          'n', v.version,
          'xid', v.xid::text::bigint,
          'atMs', floor(extract(epoch FROM v.at) * 1000)::bigint,
          'deleted', v.deleted
        ) END ORDER BY k.i), '[]')
    )
    FROM unnest(keys) WITH ORDINALITY AS k(key, i)
    LEFT JOIN tidemark.versions v ON v.key = k.key COLLATE "C"
  );
END
$$;

-- What the changelog has that a store at this horizon may not know: up to max_rows counted, and the oldest of them.
-- Null when the position is of another era, or its rows may have been collected: it can't be told then.
CREATE FUNCTION tidemark.backlog(since_era integer, since_xid xid8, max_rows integer) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
BEGIN
  SELECT * INTO STRICT p FROM tidemark.position_now();
  IF since_era <> p.era OR since_xid < p.collected_below THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT json_build_object(
      'changes', count(*),
      'oldestAgeMs', floor(extract(epoch FROM statement_timestamp() - min(s.at)) * 1000)::bigint
    )
    FROM (SELECT v.at FROM tidemark.versions v WHERE v.xid >= since_xid ORDER BY v.xid LIMIT max_rows) s
  );
END
$$;

-- The server as far as the mesh depends on it. `leader`: who leads the role `relay`, if anybody does.
CREATE FUNCTION tidemark.source_facts() RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
  lock_key bigint := hashtextextended('tidemark:role:relay', 0);
BEGIN
  SELECT * INTO STRICT p FROM tidemark.position_now();
  RETURN json_build_object(
    'era', p.era,
    'xid', p.horizon::text::bigint,
    'top', p.top::text::bigint,
    'atMs', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    'version', current_setting('server_version'),
    'system', (SELECT m.system_identifier::text FROM tidemark.meta m),
    'isReplica', pg_is_in_recovery(),
    'synchronousCommit', current_setting('synchronous_commit'),
    'connectionsMax', current_setting('max_connections')::integer,
    'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    'oldestWriterAgeMs', (
      SELECT floor(extract(epoch FROM clock_timestamp() - min(a.xact_start)) * 1000)::bigint
      FROM pg_stat_activity a WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()),
    'leader', (
      SELECT json_build_object('pid', l.pid, 'address', host(a.client_addr), 'sinceMs',
        floor(extract(epoch FROM clock_timestamp() - a.backend_start) * 1000)::bigint)
      FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32) + l.objid::bigint = lock_key
      LIMIT 1),
    'slots', (
      SELECT coalesce(json_agg(json_build_object(
        'name', s.slot_name, 'active', s.active, 'status', s.wal_status,
        'keptBytes', CASE WHEN pg_is_in_recovery() THEN NULL
          ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint END) ORDER BY s.slot_name), '[]')
      FROM pg_replication_slots s)
  );
END
$$;
