-- The changelog: one row per key with its latest version. It is outbox, version registry and resync
-- log in one. Runs inside the migration's transaction.

CREATE SEQUENCE tidemark.version_seq AS bigint CACHE 1;

CREATE TABLE tidemark.versions (
  key     text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  xid     xid8 NOT NULL,
  at      timestamptz NOT NULL,
  deleted boolean NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX versions_xid ON tidemark.versions (xid);

-- One row. xid: transaction that began this era.
CREATE TABLE tidemark.meta (
  id                boolean PRIMARY KEY DEFAULT true CHECK (id),
  era               integer NOT NULL,
  system_identifier bigint NOT NULL,
  timeline          integer NOT NULL,
  xid               xid8 NOT NULL
);

CREATE TABLE tidemark.cursors (
  name text COLLATE "C" PRIMARY KEY,
  era  integer NOT NULL,
  xid  bigint NOT NULL
);

REVOKE ALL ON ALL TABLES IN SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tidemark FROM PUBLIC;

-- Keys ------------------------------------------------------------------------------------------

-- Equal to encodeKeyPart in @tidemark/core; a property test compares the two.
CREATE FUNCTION tidemark.encode_part(part text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT replace(replace(replace(replace(part, '%', '%25'), ':', '%3A'), '{', '%7B'), '}', '%7D')
$$;

-- The key under which the changelog keeps `key`. Beyond 1024 bytes a key might not fit an index page:
-- its whole keyspace is bumped instead. Beyond 1024 UTF-16 units no reader can name it: null.
CREATE FUNCTION tidemark.changelog_key(key text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN octet_length(key) <= 1024 THEN key
    WHEN length(key) + length(regexp_replace(key, '[\u0001-\uFFFF]', '', 'g')) > 1024 THEN NULL
    ELSE split_part(key, ':', 1)
  END
$$;

-- Bumps -----------------------------------------------------------------------------------------

-- Sorted, so that bumps never deadlock with one another; the version is drawn under the row lock, so
-- that per key version order is commit order.
CREATE FUNCTION tidemark.bump_rows(live text[], dead text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Horizons rely on this: what others can see must survive a crash of the server.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  INSERT INTO tidemark.versions AS v (key, version, xid, at, deleted)
  SELECT s.key, nextval('tidemark.version_seq'), pg_current_xact_id(), statement_timestamp(), s.deleted
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
REVOKE ALL ON FUNCTION tidemark.bump_rows(text[], text[]) FROM PUBLIC;

-- Gives encoded keys (or scope keys) new versions that commit with the caller's transaction.
CREATE FUNCTION tidemark.bump(keys text[], deleted boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  SELECT k INTO bad FROM unnest(keys) AS k
  WHERE k IS NULL OR k !~ '^[a-z][a-z0-9_-]{0,63}(:[^{}]*)?$' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'tidemark.bump: % is not an encoded key', quote_nullable(bad)
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Build it as ''keyspace:'' || tidemark.encode_part(value::text).';
  END IF;
  IF deleted THEN
    PERFORM tidemark.bump_rows(NULL, keys);
  ELSE
    PERFORM tidemark.bump_rows(keys, NULL);
  END IF;
END
$$;

-- Trigger on tracked tables; arguments: keyspace, key columns. A statement that touches more than
-- 100,000 keys bumps the whole keyspace instead.
CREATE FUNCTION tidemark.track() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key_of text;
  live text[];
  dead text[];
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM tidemark.bump_rows(NULL, ARRAY[TG_ARGV[0]]);
    RETURN NULL;
  END IF;
  SELECT quote_literal(TG_ARGV[0] || ':') || ' || '
      || string_agg(format('tidemark.encode_part(%I::text)', c), ' || '':'' || ' ORDER BY i)
  INTO key_of
  FROM unnest(TG_ARGV[1:]) WITH ORDINALITY AS t(c, i);
  IF TG_OP IN ('INSERT', 'UPDATE') THEN
    EXECUTE format('SELECT array_agg(k) FROM (SELECT DISTINCT %s AS k FROM tidemark_new LIMIT 100001) s WHERE k IS NOT NULL', key_of)
    INTO live;
  END IF;
  IF TG_OP IN ('DELETE', 'UPDATE') THEN
    EXECUTE format('SELECT array_agg(k) FROM (SELECT DISTINCT %s AS k FROM tidemark_old LIMIT 100001) s WHERE k IS NOT NULL', key_of)
    INTO dead;
  END IF;
  IF greatest(cardinality(live), cardinality(dead)) > 100000 THEN
    live := ARRAY[TG_ARGV[0]];
    dead := NULL;
  END IF;
  IF live IS NOT NULL OR dead IS NOT NULL THEN
    PERFORM tidemark.bump_rows(live, dead);
  END IF;
  RETURN NULL;
END
$$;

-- Positions -------------------------------------------------------------------------------------

-- top: one above every transaction id that the changelog shows. horizon: everything below is final,
-- and stays so over a crash of the server. xmin alone would not: ids that were handed out but never
-- written to the log are handed out again after a crash, and a horizon above them would hide rows.
CREATE FUNCTION tidemark.position_now(OUT era integer, OUT horizon xid8, OUT top xid8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT m.era, (greatest(
    m.xid, (SELECT v.xid FROM tidemark.versions v ORDER BY v.xid DESC LIMIT 1)
  )::text::bigint + 1)::text::xid8
  INTO STRICT era, top
  FROM tidemark.meta m;
  horizon := least(pg_snapshot_xmin(pg_current_snapshot()), top);
END
$$;

-- What a loader's value is labelled with. Called inside the user's own statement it shares that
-- statement's snapshot: version and value are read at the same instant, in one round trip. In
-- PL/pgSQL because that keeps its plans; it is on the path of every load.
CREATE FUNCTION tidemark.label(keys text[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
BEGIN
  SELECT * INTO STRICT p FROM tidemark.position_now();
  RETURN (
    SELECT json_build_object(
      'era', p.era,
      'xid', p.horizon::text::bigint,
      'versions', coalesce(json_agg(coalesce(v.version, 0) ORDER BY k.i), '[]'),
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
CREATE FUNCTION tidemark.changes(
  since_era integer, since_xid xid8, after_era integer, after_xid xid8, after_snapshot pg_snapshot, max_rows integer
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
  first_xid xid8;
  seen pg_snapshot := coalesce(after_snapshot, '1:1:');
  found_rows bigint;
  last_xid xid8;
  page json;
  late json;
BEGIN
  SELECT * INTO p FROM tidemark.position_now();
  first_xid := CASE WHEN since_era = p.era THEN since_xid ELSE p.horizon END;
  IF after_era IS DISTINCT FROM p.era THEN
    after_xid := NULL;
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
    'atMs', floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
    'rows', coalesce(page, '[]'),
    'late', coalesce(late, '[]'),
    'last', CASE WHEN found_rows >= max_rows THEN last_xid::text::bigint END,
    'snapshot', pg_current_snapshot()::text
  );
END
$$;

-- The last statement of a library transaction: bumps, and lists what the transaction bumped, also by
-- triggers, the given keys first.
CREATE FUNCTION tidemark.finish(keys text[], max_rows integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own xid8;
BEGIN
  IF cardinality(keys) > 0 THEN
    PERFORM tidemark.bump(keys);
  END IF;
  own := pg_current_xact_id_if_assigned();
  RETURN (
    SELECT json_build_object('era', m.era, 'rows', coalesce((
      SELECT json_agg(json_build_array(s.key, s.version))
      FROM (
        SELECT v.key, v.version FROM tidemark.versions v
        WHERE v.xid = own
        ORDER BY (v.key = ANY (keys)) DESC
        LIMIT max_rows
      ) s
    ), '[]'))
    FROM tidemark.meta m
  );
END
$$;

-- Eras ------------------------------------------------------------------------------------------

-- Which database this is. The timeline is that of the write position: the control file's follows only
-- at the next checkpoint after a promotion.
CREATE FUNCTION tidemark.identity_now(OUT system_identifier bigint, OUT timeline integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.system_identifier,
         ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
  FROM pg_control_system() s
$$;
REVOKE ALL ON FUNCTION tidemark.identity_now() FROM PUBLIC;

-- Voids everything that any region remembers. Operators call it after a restore that nothing else could
-- tell (a copied volume, a dump loaded into the same server).
CREATE FUNCTION tidemark.raise_era(at_least integer DEFAULT 0) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  raised integer;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true)
  WHERE current_setting('synchronous_commit') = 'off';
  -- Two restores of one backup must not end in the same era: timelines differ.
  UPDATE tidemark.meta m
  SET era = greatest(m.era + 1, i.timeline, at_least),
      system_identifier = i.system_identifier, timeline = i.timeline, xid = pg_current_xact_id()
  FROM tidemark.identity_now() i
  RETURNING m.era INTO raised;
  -- A dump brings ids of another server, and may leave the sequence behind its rows.
  UPDATE tidemark.versions SET xid = '1' WHERE xid > pg_current_xact_id();
  PERFORM setval('tidemark.version_seq', greatest(
    (SELECT max(version) FROM tidemark.versions), (SELECT last_value FROM tidemark.version_seq)));
  RETURN raised;
END
$$;
REVOKE ALL ON FUNCTION tidemark.raise_era(integer) FROM PUBLIC;

-- Raises the era if this is no longer the database that it was. Rivals wait for the row's lock.
CREATE FUNCTION tidemark.ensure_era() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m record;
  i record;
BEGIN
  SELECT * INTO STRICT m FROM tidemark.meta;
  IF pg_is_in_recovery() THEN
    RETURN m.era;
  END IF;
  SELECT * INTO i FROM tidemark.identity_now();
  IF (m.system_identifier, m.timeline) = (i.system_identifier, i.timeline) THEN
    RETURN m.era;
  END IF;
  SELECT * INTO STRICT m FROM tidemark.meta FOR UPDATE;
  IF (m.system_identifier, m.timeline) = (i.system_identifier, i.timeline) THEN
    RETURN m.era;
  END IF;
  RETURN tidemark.raise_era();
END
$$;

-- Raises the era if a reader has seen a position that this database never had.
CREATE FUNCTION tidemark.raise_era_if_ahead(seen_era integer, seen_xid xid8) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
BEGIN
  PERFORM 1 FROM tidemark.meta FOR UPDATE;
  SELECT * INTO STRICT p FROM tidemark.position_now();
  IF seen_era > p.era OR (seen_era = p.era AND seen_xid > p.top) THEN
    RETURN tidemark.raise_era(seen_era + 1);
  END IF;
  RETURN p.era;
END
$$;

-- Cursors ---------------------------------------------------------------------------------------

CREATE FUNCTION tidemark.load_cursor(cursor_name text) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT json_build_object('era', era, 'xid', xid) FROM tidemark.cursors WHERE name = cursor_name
$$;

CREATE FUNCTION tidemark.save_cursor(cursor_name text, cursor_era integer, cursor_xid bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO tidemark.cursors AS c (name, era, xid) VALUES (cursor_name, cursor_era, cursor_xid)
  ON CONFLICT (name) DO UPDATE SET era = excluded.era, xid = excluded.xid
  WHERE (c.era, c.xid) < (excluded.era, excluded.xid)
$$;

INSERT INTO tidemark.meta (era, system_identifier, timeline, xid)
SELECT 1, i.system_identifier, i.timeline, pg_current_xact_id() FROM tidemark.identity_now() i;
