-- Cheaper bumps. Runs inside the migration's transaction.
--
-- The trigger of before put its queries together, and had them parsed and planned, in every statement of
-- every writer. Now there is one function for each keyspace and its key columns, whose queries are written
-- down: a session plans them once. And a statement that touches one key takes the short way.

-- Bumps one key, and says whether it could be named. The caller has set the search path.
--
-- An update draws its version before it has the row's lock. That is in order: who meets a row that was
-- changed since its snapshot draws again under the lock, and what the snapshot shows was drawn before.
-- The transaction has an id before it draws: so whoever draws after it and then takes an id has a greater one.
CREATE FUNCTION tidemark.bump_key(named text, gone boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  own xid8 := pg_current_xact_id();
BEGIN
  -- Horizons rely on this: what others can see must survive a crash of the server.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  IF octet_length(named) > 1024 THEN
    named := tidemark.changelog_key(named);
  END IF;
  UPDATE tidemark.versions
  SET version = nextval('tidemark.version_seq'), xid = own, at = statement_timestamp(), deleted = gone
  WHERE key = named;
  IF NOT FOUND AND named IS NOT NULL THEN
    INSERT INTO tidemark.versions AS v (key, version, xid, at, deleted)
    VALUES (named, nextval('tidemark.version_seq'), own, statement_timestamp(), gone)
    ON CONFLICT (key) DO UPDATE
    SET version = nextval('tidemark.version_seq'), xid = excluded.xid, at = excluded.at, deleted = excluded.deleted;
  END IF;
  RETURN named IS NOT NULL;
END
$$;
REVOKE ALL ON FUNCTION tidemark.bump_key(text, boolean) FROM PUBLIC;

-- As before, with the short way. It runs with the rights and the search path of its callers, which have
-- set both: each setting costs as much as the bump.
CREATE OR REPLACE FUNCTION tidemark.bump_rows(live text[], dead text[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  own xid8;
  named boolean;
BEGIN
  IF coalesce(cardinality(live), 0) + coalesce(cardinality(dead), 0) = 1 THEN
    named := tidemark.bump_key(coalesce(live[1], dead[1]), live[1] IS NULL);
    RETURN;
  END IF;
  own := pg_current_xact_id();
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  -- Sorted, so that bumps never deadlock with one another.
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

-- Checks and bumps. The caller has set the search path.
CREATE FUNCTION tidemark.bump_checked(keys text[], gone boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  shape CONSTANT text := '^[a-z][a-z0-9_-]{0,63}(:[^{}]*)?$';
  bad text;
BEGIN
  IF cardinality(keys) = 1 AND keys[1] ~ shape THEN
    RETURN tidemark.bump_key(keys[1], gone);
  END IF;
  SELECT k INTO bad FROM unnest(keys) AS k WHERE k IS NULL OR k !~ shape LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'tidemark.bump: % is not an encoded key', quote_nullable(bad)
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Build it as ''keyspace:'' || tidemark.encode_part(value::text).';
  END IF;
  IF gone THEN
    PERFORM tidemark.bump_rows(NULL, keys);
  ELSE
    PERFORM tidemark.bump_rows(keys, NULL);
  END IF;
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION tidemark.bump_checked(text[], boolean) FROM PUBLIC;

-- Gives encoded keys (or scope keys) new versions that commit with the caller's transaction.
CREATE OR REPLACE FUNCTION tidemark.bump(keys text[], deleted boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named boolean := tidemark.bump_checked(keys, deleted);
BEGIN
END
$$;

-- The last statement of a library transaction: bumps, and lists what the transaction bumped, also by
-- triggers, the given keys first where not all are listed.
--
-- Its own id is asked for inside the query: as a parameter it would have it planned anew every time.
CREATE OR REPLACE FUNCTION tidemark.finish(keys text[], max_rows integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named boolean := cardinality(keys) > 0 AND tidemark.bump_checked(keys, false);
  current_era integer;
  found_rows bigint;
  page json;
BEGIN
  SELECT m.era INTO STRICT current_era FROM tidemark.meta m;
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    SELECT count(*), json_agg(json_build_array(s.key, s.version)) INTO found_rows, page
    FROM (
      SELECT v.key, v.version FROM tidemark.versions v WHERE v.xid = pg_current_xact_id() LIMIT max_rows + 1
    ) s;
  END IF;
  IF found_rows > max_rows THEN
    SELECT json_agg(json_build_array(s.key, s.version)) INTO page
    FROM (
      SELECT v.key, v.version FROM tidemark.versions v
      WHERE v.xid = pg_current_xact_id()
      ORDER BY (v.key = ANY (keys)) DESC
      LIMIT max_rows
    ) s;
  END IF;
  RETURN json_build_object('era', current_era, 'rows', coalesce(page, '[]'));
END
$$;

-- The function of the triggers of a keyspace with these key columns, made if it is not there yet; returns
-- its name. An empty argument, which is no column, says that the column after it is digested. A statement
-- that touches more than 100,000 keys bumps the whole keyspace instead.
--
-- Whoever changes what it writes also gives the functions another prefix: `migrate` then puts the new ones
-- in the place of the old.
CREATE FUNCTION tidemark.tracker(keyspace text, keys text[]) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape text := array_to_json(array_prepend(keyspace, keys))::text;
  name text := 'track_1_' || left(encode(sha256(convert_to(shape, 'UTF8')), 'hex'), 24);
  key_of text;
BEGIN
  IF keyspace !~ '^[a-z][a-z0-9_-]{0,63}$' THEN
    RAISE EXCEPTION 'tidemark.tracker: % is not a keyspace name', quote_nullable(keyspace)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Against another that makes it, or drops it because nothing uses it yet.
  PERFORM pg_advisory_xact_lock(hashtextextended('tidemark:trackers', 0));
  IF to_regprocedure(format('tidemark.%I()', name)) IS NOT NULL THEN
    RETURN name;
  END IF;
  -- Columns are named by their table, so that none can be mistaken for a variable.
  SELECT quote_literal(keyspace || ':') || ' || '
      || string_agg(
           format(CASE WHEN s.digest THEN 'tidemark.digest_part(t.%I::text)' ELSE 'tidemark.encode_part(t.%I::text)' END, s.c),
           ' || '':'' || ' ORDER BY s.i)
  INTO STRICT key_of
  FROM (
    SELECT a.c, a.i, lag(a.c) OVER (ORDER BY a.i) IS NOT DISTINCT FROM '' AS digest
    FROM unnest(keys) WITH ORDINALITY AS a(c, i)
  ) s
  WHERE s.c <> '';
  EXECUTE format('CREATE FUNCTION tidemark.%I() RETURNS trigger LANGUAGE plpgsql VOLATILE '
    'SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', name, replace(replace($body$
DECLARE
  touched integer;
  keyed integer;
  low text;
  high text;
  named boolean;
  live text[];
  dead text[];
BEGIN
  -- One row that is updated is two here: what it was, and what it is.
  IF TG_OP = 'UPDATE' THEN
    SELECT count(*), count(s.k), min(s.k), max(s.k) INTO touched, keyed, low, high FROM (
      SELECT <key> AS k FROM tidemark_new t UNION ALL SELECT <key> FROM tidemark_old t LIMIT 3
    ) s;
  ELSIF TG_OP = 'INSERT' THEN
    SELECT count(*), count(s.k), min(s.k), max(s.k) INTO touched, keyed, low, high
    FROM (SELECT <key> AS k FROM tidemark_new t LIMIT 3) s;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT count(*), count(s.k), min(s.k), max(s.k) INTO touched, keyed, low, high
    FROM (SELECT <key> AS k FROM tidemark_old t LIMIT 3) s;
  ELSE
    PERFORM tidemark.bump_rows(NULL, ARRAY[<keyspace>]);
    RETURN NULL;
  END IF;
  IF touched = 0 THEN
    RETURN NULL;
  END IF;
  IF touched < 3 AND keyed = touched AND low = high THEN
    named := tidemark.bump_key(low, TG_OP = 'DELETE');
    RETURN NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    SELECT array_agg(s.k) INTO live
    FROM (SELECT DISTINCT <key> AS k FROM tidemark_new t LIMIT 100001) s WHERE s.k IS NOT NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    SELECT array_agg(s.k) INTO dead
    FROM (SELECT DISTINCT <key> AS k FROM tidemark_old t LIMIT 100001) s WHERE s.k IS NOT NULL;
  END IF;
  IF greatest(cardinality(live), cardinality(dead)) > 100000 THEN
    live := ARRAY[<keyspace>];
    dead := NULL;
  END IF;
  IF live IS NOT NULL OR dead IS NOT NULL THEN
    PERFORM tidemark.bump_rows(live, dead);
  END IF;
  RETURN NULL;
END
$body$, '<keyspace>', quote_literal(keyspace)), '<key>', key_of));
  RETURN name;
END
$$;

-- Drops the functions that no trigger uses.
CREATE FUNCTION tidemark.drop_trackers() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unused regprocedure;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tidemark:trackers', 0));
  FOR unused IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'tidemark'::regnamespace AND p.proname LIKE 'track\_%'
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid)
  LOOP
    EXECUTE format('DROP FUNCTION %s', unused);
  END LOOP;
END
$$;
