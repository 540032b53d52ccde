-- Collection: rows of deleted keys leave the changelog, and nothing goes back.
--
-- Two things must not be lost with a row. A region that has not heard of it must be told that it can't
-- be told any more: `collected_below`. And the next label of the key must not be below the row's version,
-- or regions that know that version would refuse every fill: `collected_version`, the label of every key
-- without a row. Neither relies on the age of a row, nor on its key being really gone.

-- Waits for bumps under way: from the next one on, an id is assigned before a version is drawn.
LOCK TABLE tidemark.versions IN SHARE ROW EXCLUSIVE MODE;

-- collected_below: rows with smaller transaction ids may be missing.
-- collected_version: every transaction that drew this version, or a smaller one, had ended before it was
-- written here. mark_version: the same becomes true of it once everything below mark_xid has ended.
ALTER TABLE tidemark.meta
  ADD COLUMN collected_below   xid8 NOT NULL DEFAULT '0',
  ADD COLUMN collected_version bigint NOT NULL DEFAULT 0,
  ADD COLUMN mark_xid          xid8,
  ADD COLUMN mark_version      bigint NOT NULL DEFAULT 0;

CREATE INDEX versions_deleted ON tidemark.versions (at) WHERE deleted;

-- Sorted, so that bumps never deadlock with one another; the version is drawn under the row lock, so
-- that per key version order is commit order. The transaction has an id before it draws: so whoever
-- draws after it and then takes an id has a greater one.
CREATE OR REPLACE FUNCTION tidemark.bump_rows(live text[], dead text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own xid8 := pg_current_xact_id();
BEGIN
  -- Horizons rely on this: what others can see must survive a crash of the server.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  INSERT INTO tidemark.versions AS v (key, version, xid, at, deleted)
  SELECT s.key, nextval('tidemark.version_seq'), own, statement_timestamp(), s.deleted
  FROM (
    SELECT tidemark.changelog_key(r.key) COLLATE "C" AS key, bool_and(r.deleted) AS deleted
    FROM (
      SELECT unnest(live) AS key, false AS deleted
      UNION ALL
      SELECT unnest(dead), true
    ) r
    WHERE tidemark.changelog_key(r.key) IS NOT NULL
    GROUP BY 1
    ORDER BY 1
  ) s
  ON CONFLICT (key) DO UPDATE
  SET version = nextval('tidemark.version_seq'), xid = excluded.xid, at = excluded.at, deleted = excluded.deleted;
END
$$;

-- top: one above every transaction id that the changelog shows, or showed before a collection. horizon:
-- everything below is final, and stays so over a crash of the server. xmin alone would not: ids that were
-- handed out but never written to the log are handed out again after a crash, and a horizon above them
-- would hide rows. absent: what a key without a row is labelled with.
DROP FUNCTION tidemark.position_now();
CREATE FUNCTION tidemark.position_now(
  OUT era integer, OUT horizon xid8, OUT top xid8, OUT collected_below xid8, OUT absent bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT m.era, m.collected_below, m.collected_version, greatest(m.collected_below, (greatest(
    m.xid, (SELECT v.xid FROM tidemark.versions v ORDER BY v.xid DESC LIMIT 1)
  )::text::bigint + 1)::text::xid8)
  INTO STRICT era, collected_below, absent, top
  FROM tidemark.meta m;
  horizon := least(pg_snapshot_xmin(pg_current_snapshot()), top);
END
$$;

-- What a loader's value is labelled with. Called inside the user's own statement it shares that
-- statement's snapshot: version and value are read at the same instant, in one round trip. In
-- PL/pgSQL because that keeps its plans; it is on the path of every load. Keyspaces are never collected.
CREATE OR REPLACE FUNCTION tidemark.label(keys text[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
BEGIN
  SELECT * INTO STRICT p FROM tidemark.position_now();
  RETURN (
    SELECT json_build_object(
      'era', p.era,
      'xid', p.horizon::text::bigint,
      'versions', coalesce(json_agg(
        coalesce(v.version, CASE WHEN strpos(k.key, ':') > 0 THEN p.absent ELSE 0 END) ORDER BY k.i), '[]'),
      'scopes', coalesce(json_agg(coalesce(s.version, 0) ORDER BY k.i), '[]')
    )
    FROM unnest(keys) WITH ORDINALITY AS k(key, i)
    LEFT JOIN tidemark.versions v ON v.key = k.key COLLATE "C"
    LEFT JOIN tidemark.versions s ON s.key = split_part(k.key, ':', 1) COLLATE "C"
  );
END
$$;

-- One page of the changelog, in one snapshot. A page never splits a transaction.
--
-- Between two pages a transaction with a small id may commit and take a row, whose older version the
-- reader has not seen yet, to a place that it has passed. So a further page also lists rows at or before
-- `after_xid` that the snapshot of the page before could not see.
--
-- gone: rows that the reader asked for may have been collected. Asked on every page, since rows may be
-- collected between two.
CREATE OR REPLACE FUNCTION tidemark.changes(
  since_era integer, since_xid xid8, after_era integer, after_xid xid8, after_snapshot pg_snapshot, max_rows integer
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
  first_xid xid8;
  oldest xid8;
  seen pg_snapshot := coalesce(after_snapshot, '1:1:');
  found_rows bigint;
  last_xid xid8;
  page json;
  late json;
BEGIN
  SELECT * INTO p FROM tidemark.position_now();
  IF after_era IS DISTINCT FROM p.era THEN
    after_xid := NULL;
  END IF;
  first_xid := CASE WHEN since_era = p.era THEN since_xid ELSE p.horizon END;
  oldest := CASE
    WHEN since_era IS NULL AND after_xid IS NOT NULL THEN least(after_xid, pg_snapshot_xmin(seen))
    ELSE first_xid
  END;
  IF oldest < p.collected_below THEN
    RETURN json_build_object('gone', true);
  END IF;
  SELECT count(*), (max(s.xid::text::bigint))::text::xid8, json_agg(json_build_array(s.key, s.version))
  INTO found_rows, last_xid, page
  FROM (
    SELECT v.key, v.version, v.xid FROM tidemark.versions v
    WHERE v.xid >= CASE WHEN after_xid IS NULL THEN first_xid ELSE (after_xid::text::bigint + 1)::text::xid8 END
    ORDER BY v.xid
    FETCH FIRST max_rows ROWS WITH TIES
  ) s;
  IF after_xid IS NOT NULL THEN
    SELECT json_agg(json_build_array(v.key, v.version)) INTO late
    FROM tidemark.versions v
    WHERE v.xid <= after_xid
      AND v.xid >= CASE WHEN after_snapshot IS NULL THEN least(first_xid, after_xid) ELSE pg_snapshot_xmin(seen) END
      AND NOT pg_visible_in_snapshot(v.xid, seen);
  END IF;
  RETURN json_build_object(
    'era', p.era,
    'xid', p.horizon::text::bigint,
    'ahead', coalesce(since_era > p.era OR (since_era = p.era AND since_xid > p.top), false),
    'gone', false,
    'atMs', floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
    'rows', coalesce(page, '[]'),
    'late', coalesce(late, '[]'),
    'last', CASE WHEN found_rows >= max_rows THEN last_xid::text::bigint END,
    'snapshot', pg_current_snapshot()::text
  );
END
$$;

-- Removes rows of keys that were deleted longer ago than `older_than`, at most `max_rows`; returns how
-- many. Regions that were cut off for longer start over when they come back. Call it again until it
-- returns less than `max_rows`; while transactions of before the call run, rows stay for a later one.
CREATE FUNCTION tidemark.collect(older_than interval DEFAULT '7 days', max_rows integer DEFAULT 10000)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  drawn bigint;
  own xid8;
  final_below xid8;
  m record;
  settled bigint;
  removed integer;
  highest bigint;
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'tidemark.collect: call it in a transaction of its own, as the first statement'
      USING ERRCODE = 'active_sql_transaction';
  END IF;
  -- What others can see must survive a crash: else versions below a label that was given away could be
  -- drawn again.
  PERFORM set_config('synchronous_commit', 'local', true)
  WHERE current_setting('synchronous_commit') = 'off';
  -- In this order: whoever drew a smaller version has an id by now, and it is below `own`.
  drawn := nextval('tidemark.version_seq');
  own := pg_current_xact_id();
  final_below := pg_snapshot_xmin(pg_current_snapshot());
  SELECT * INTO STRICT m FROM tidemark.meta FOR UPDATE;
  settled := greatest(m.collected_version, CASE
    WHEN final_below >= own THEN drawn
    WHEN m.mark_xid <= final_below THEN m.mark_version
  END);
  WITH old AS (
    SELECT v.key FROM tidemark.versions v
    WHERE v.deleted AND v.at <= statement_timestamp() - older_than
      AND v.version <= settled
      AND v.xid < final_below -- Implied; collected_below rests on it.
      AND strpos(v.key, ':') > 0 -- Regions keep the version of a keyspace for ever.
    ORDER BY v.at
    LIMIT max_rows
    FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM tidemark.versions v USING old WHERE v.key = old.key RETURNING v.xid
  )
  SELECT count(*), max(g.xid::text::bigint) INTO removed, highest FROM gone g;
  -- A mark that is not settled yet stays: a new one with every call would never be.
  UPDATE tidemark.meta SET
    collected_below = greatest(m.collected_below, (highest + 1)::text::xid8),
    collected_version = CASE WHEN removed > 0 THEN settled ELSE m.collected_version END,
    mark_xid = CASE WHEN m.mark_xid > final_below THEN m.mark_xid ELSE own END,
    mark_version = CASE WHEN m.mark_xid > final_below THEN m.mark_version ELSE drawn END;
  RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION tidemark.collect(interval, integer) FROM PUBLIC;

-- Voids everything that any region remembers. Operators call it after a restore that nothing else could
-- tell (a copied volume, a dump loaded into the same server).
CREATE OR REPLACE FUNCTION tidemark.raise_era(at_least integer DEFAULT 0) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  raised integer;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true)
  WHERE current_setting('synchronous_commit') = 'off';
  -- Two restores of one backup must not end in the same era: timelines differ. Of an older era nobody is
  -- told anything, so nothing that was collected in it can be missed.
  UPDATE tidemark.meta m
  SET era = greatest(m.era + 1, i.timeline, at_least),
      system_identifier = i.system_identifier, timeline = i.timeline, xid = pg_current_xact_id(),
      collected_below = '0', mark_xid = NULL
  FROM tidemark.identity_now() i
  RETURNING m.era INTO raised;
  -- A dump brings ids of another server, and may leave the sequence behind its rows. Otherwise the
  -- sequence is left alone: setting it while others draw from it would take it back.
  UPDATE tidemark.versions SET xid = '1' WHERE xid > pg_current_xact_id();
  PERFORM setval('tidemark.version_seq', top.version)
  FROM (
    SELECT greatest(m.collected_version, (SELECT max(version) FROM tidemark.versions)) AS version
    FROM tidemark.meta m
  ) top
  WHERE top.version > (SELECT last_value FROM tidemark.version_seq);
  RETURN raised;
END
$$;

-- Whether loads may read here: a streaming replica of the database that the changelog was written in. A
-- server that was promoted has a future of its own.
CREATE FUNCTION tidemark.is_replica() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_is_in_recovery() AND s.system_identifier = m.system_identifier
  FROM pg_control_system() s, tidemark.meta m
$$;
