-- Groups: members of immutable generations, and one pointer for each group, whose key in the changelog
-- is `group:<name>`. Runs inside the migration's transaction.
--
-- Order of locks: the group's row, then the generation's, then the changelog's.

CREATE SEQUENCE tidemark.generation_seq AS bigint CACHE 1;

CREATE TABLE tidemark.groups (
  name  text COLLATE "C" PRIMARY KEY,
  -- Null until the first swap.
  era   integer,
  n     bigint,
  -- Generations that became current so far.
  turns bigint NOT NULL DEFAULT 0
);

-- A generation's name carries the era: a source that went back in time mints the same `n` again.
CREATE TABLE tidemark.generations (
  group_name text COLLATE "C" NOT NULL REFERENCES tidemark.groups,
  era        integer NOT NULL,
  n          bigint NOT NULL,
  state      text COLLATE "C" NOT NULL CHECK (state IN ('staging', 'staged', 'current', 'retired', 'collected')),
  -- Place among those that became current; null for one that never was.
  turn       bigint,
  -- Null until it is sealed.
  members    bigint,
  created_at timestamptz NOT NULL,
  touched_at timestamptz NOT NULL,
  swapped_at timestamptz,
  retired_at timestamptz,
  PRIMARY KEY (era, n)
);
CREATE INDEX generations_group ON tidemark.generations (group_name);
CREATE UNIQUE INDEX generations_current ON tidemark.generations (group_name) WHERE state = 'current';

CREATE TABLE tidemark.members (
  era   integer NOT NULL,
  n     bigint NOT NULL,
  key   text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (era, n, key)
);

REVOKE ALL ON tidemark.groups, tidemark.generations, tidemark.members FROM PUBLIC;
REVOKE ALL ON SEQUENCE tidemark.generation_seq FROM PUBLIC;

-- What caches are given must survive a crash of the server.
CREATE FUNCTION tidemark.commit_durably() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT set_config('synchronous_commit', 'local', true)
  WHERE current_setting('synchronous_commit') = 'off'
$$;

CREATE FUNCTION tidemark.generation_name(era integer, n bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT era || '.' || n $$;

-- Mints a generation. Null when the group keeps too many.
CREATE FUNCTION tidemark.begin_generation(grp text, max_rows integer) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made tidemark.generations;
BEGIN
  IF grp !~ '^[a-z][a-z0-9_-]{0,63}$' THEN
    RAISE EXCEPTION 'tidemark.begin_generation: % is not the name of a group', quote_nullable(grp)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM tidemark.commit_durably();
  INSERT INTO tidemark.groups (name) VALUES (grp) ON CONFLICT DO NOTHING;
  -- Rivals wait: the limit holds for all of them together.
  PERFORM 1 FROM tidemark.groups g WHERE g.name = grp FOR UPDATE;
  IF (SELECT count(*) FROM tidemark.generations g WHERE g.group_name = grp AND g.state <> 'collected') >= max_rows THEN
    RETURN NULL;
  END IF;
  INSERT INTO tidemark.generations (group_name, era, n, state, created_at, touched_at)
  SELECT grp, m.era, nextval('tidemark.generation_seq'), 'staging', clock_timestamp(), clock_timestamp()
  FROM tidemark.meta m
  RETURNING * INTO made;
  RETURN tidemark.generation_name(made.era, made.n);
END
$$;

-- Adds members, all or none. Returns what kept it from doing so: 'gone', 'sealed', 'era', or
-- ':' and the key that is there with another value.
CREATE FUNCTION tidemark.stage_members(grp text, gen_era integer, gen_n bigint, keys text[], vals text[]) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_state text;
  conflict text;
BEGIN
  PERFORM tidemark.commit_durably();
  -- Shared among those who stage; who seals waits for them, and they for whoever seals.
  SELECT g.state INTO found_state FROM tidemark.generations g
  WHERE g.era = gen_era AND g.n = gen_n AND g.group_name = grp FOR SHARE;
  IF found_state IS NULL OR found_state = 'collected' THEN
    RETURN 'gone';
  END IF;
  IF found_state <> 'staging' THEN
    RETURN 'sealed';
  END IF;
  -- After a restore, caches may hold members that the abandoned future staged under this name.
  IF gen_era <> (SELECT m.era FROM tidemark.meta m) THEN
    RETURN 'era';
  END IF;
  BEGIN
    -- Sorted, so that two who stage the same members never deadlock.
    INSERT INTO tidemark.members (era, n, key, value)
    SELECT gen_era, gen_n, s.key, s.value
    FROM (SELECT DISTINCT ON (k.key) k.key, k.value FROM unnest(keys, vals) AS k(key, value) ORDER BY k.key) s
    ON CONFLICT DO NOTHING;
    SELECT k.key INTO conflict
    FROM unnest(keys, vals) AS k(key, value)
    JOIN tidemark.members m ON m.era = gen_era AND m.n = gen_n AND m.key = k.key COLLATE "C"
    WHERE m.value <> k.value COLLATE "C"
    LIMIT 1;
    IF conflict IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'TM001';
    END IF;
  EXCEPTION WHEN SQLSTATE 'TM001' THEN
    RETURN ':' || conflict;
  END;
  RETURN NULL;
END
$$;

-- Closes a generation for more members. Idempotent. Returns their number, or -1 gone, -2 another era;
-- an empty generation stays open and is answered with 0.
CREATE FUNCTION tidemark.seal_generation(grp text, gen_era integer, gen_n bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g record;
  total bigint;
BEGIN
  PERFORM tidemark.commit_durably();
  SELECT * INTO g FROM tidemark.generations s
  WHERE s.era = gen_era AND s.n = gen_n AND s.group_name = grp FOR UPDATE;
  IF NOT FOUND OR g.state = 'collected' THEN
    RETURN -1;
  END IF;
  IF g.state <> 'staging' THEN
    RETURN g.members;
  END IF;
  IF gen_era <> (SELECT m.era FROM tidemark.meta m) THEN
    RETURN -2;
  END IF;
  SELECT count(*) INTO total FROM tidemark.members m WHERE m.era = gen_era AND m.n = gen_n;
  IF total > 0 THEN
    UPDATE tidemark.generations s SET state = 'staged', members = total, touched_at = clock_timestamp()
    WHERE s.era = gen_era AND s.n = gen_n;
  END IF;
  RETURN total;
END
$$;

CREATE FUNCTION tidemark.current_generation(grp text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT tidemark.generation_name(g.era, g.n) FROM tidemark.groups g WHERE g.name = grp AND g.n IS NOT NULL
$$;

-- Members in the order asked, and the generation's state, in one snapshot.
CREATE FUNCTION tidemark.read_members(grp text, gen_era integer, gen_n bigint, keys text[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_state text;
BEGIN
  SELECT g.state INTO found_state FROM tidemark.generations g
  WHERE g.era = gen_era AND g.n = gen_n AND g.group_name = grp;
  IF found_state IS NULL OR found_state IN ('collected', 'staging') THEN
    RETURN json_build_object('state', coalesce(found_state, 'collected'));
  END IF;
  RETURN json_build_object('state', found_state, 'values', (
    SELECT coalesce(json_agg(m.value ORDER BY k.i), '[]')
    FROM unnest(keys) WITH ORDINALITY AS k(key, i)
    LEFT JOIN tidemark.members m ON m.era = gen_era AND m.n = gen_n AND m.key = k.key COLLATE "C"
  ));
END
$$;

-- Members after `after_key`, in order of their bytes, and the generation's state, in one snapshot.
CREATE FUNCTION tidemark.page_members(grp text, gen_era integer, gen_n bigint, after_key text, max_rows integer) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_state text;
BEGIN
  SELECT g.state INTO found_state FROM tidemark.generations g
  WHERE g.era = gen_era AND g.n = gen_n AND g.group_name = grp;
  IF found_state IS NULL OR found_state IN ('collected', 'staging') THEN
    RETURN json_build_object('state', coalesce(found_state, 'collected'));
  END IF;
  RETURN json_build_object('state', found_state, 'values', (
    SELECT coalesce(json_agg(json_build_object('key', s.key, 'value', s.value) ORDER BY s.key), '[]')
    FROM (
      SELECT m.key, m.value FROM tidemark.members m
      WHERE m.era = gen_era AND m.n = gen_n AND (after_key IS NULL OR m.key > after_key COLLATE "C")
      ORDER BY m.key LIMIT max_rows
    ) s
  ));
END
$$;

-- Makes a generation current and bumps the pointer's key. `to_n` null: the one that became current
-- before the current one did. `back`: only one that was current before. `outcome` other than 'swapped'
-- changed nothing.
CREATE FUNCTION tidemark.swap_generation(
  grp text, to_era integer, to_n bigint, back boolean, expect boolean, from_era integer, from_n bigint
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  grp_row record;
  before record;
  target record;
  moment timestamptz;
BEGIN
  -- Rivals wait here; whoever comes second sees what the first one did.
  SELECT * INTO grp_row FROM tidemark.groups g WHERE g.name = grp FOR UPDATE;
  IF NOT FOUND THEN
    RETURN json_build_object('outcome', CASE WHEN to_n IS NULL THEN 'empty' ELSE 'gone' END);
  END IF;
  SELECT * INTO before FROM tidemark.generations g WHERE g.era = grp_row.era AND g.n = grp_row.n;
  IF to_n IS NOT NULL AND (to_era, to_n) = (grp_row.era, grp_row.n) THEN
    RETURN json_build_object('outcome', 'unchanged', 'generation', tidemark.generation_name(to_era, to_n));
  END IF;
  IF expect AND (grp_row.era, grp_row.n) IS DISTINCT FROM (from_era, from_n) THEN
    RETURN json_build_object('outcome', 'conflict', 'current', tidemark.generation_name(grp_row.era, grp_row.n));
  END IF;
  IF to_n IS NULL THEN
    SELECT * INTO target FROM tidemark.generations g
    WHERE g.group_name = grp AND g.state = 'retired' AND g.turn < before.turn
    ORDER BY g.turn DESC LIMIT 1;
    IF NOT FOUND THEN
      RETURN json_build_object('outcome', 'empty');
    END IF;
  ELSE
    SELECT * INTO target FROM tidemark.generations g WHERE g.era = to_era AND g.n = to_n AND g.group_name = grp;
    IF NOT FOUND OR target.state = 'collected' THEN
      RETURN json_build_object('outcome', 'gone');
    END IF;
    IF target.state = 'staging' OR (back AND target.state <> 'retired') THEN
      RETURN json_build_object('outcome', target.state);
    END IF;
  END IF;
  moment := clock_timestamp();
  UPDATE tidemark.generations g SET state = 'retired', retired_at = moment
  WHERE g.era = grp_row.era AND g.n = grp_row.n;
  UPDATE tidemark.generations g
  SET state = 'current', retired_at = NULL,
      turn = coalesce(g.turn, grp_row.turns + 1), swapped_at = coalesce(g.swapped_at, moment)
  WHERE g.era = target.era AND g.n = target.n;
  UPDATE tidemark.groups g SET era = target.era, n = target.n, turns = g.turns + (target.turn IS NULL)::integer
  WHERE g.name = grp;
  PERFORM tidemark.bump(ARRAY['group:' || grp]);
  RETURN json_build_object(
    'outcome', 'swapped',
    'generation', tidemark.generation_name(target.era, target.n),
    'previous', tidemark.generation_name(grp_row.era, grp_row.n)
  );
END
$$;

CREATE FUNCTION tidemark.list_generations(grp text) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(json_agg(json_build_object(
    'generation', tidemark.generation_name(g.era, g.n),
    'state', g.state,
    'members', coalesce(g.members, (SELECT count(*) FROM tidemark.members m WHERE m.era = g.era AND m.n = g.n)),
    'createdAtMs', floor(extract(epoch FROM g.created_at) * 1000)::bigint,
    'swappedAtMs', floor(extract(epoch FROM g.swapped_at) * 1000)::bigint,
    'retiredAtMs', floor(extract(epoch FROM g.retired_at) * 1000)::bigint
  ) ORDER BY g.era, g.n), '[]')
  FROM tidemark.generations g
  WHERE g.group_name = grp AND g.state <> 'collected'
$$;

-- Marks what may go. Once marked, nobody reads it or swaps it in; its members are deleted later, in steps.
CREATE FUNCTION tidemark.collect_generations(grp text, keep integer, grace_ms bigint, abandoned_ms bigint) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  collected json;
BEGIN
  PERFORM 1 FROM tidemark.groups g WHERE g.name = grp FOR UPDATE;
  WITH doomed AS (
    UPDATE tidemark.generations g SET state = 'collected'
    WHERE g.group_name = grp AND (
      (g.state = 'retired'
        AND g.retired_at <= clock_timestamp() - grace_ms * interval '1 millisecond'
        AND g.turn NOT IN (
          SELECT r.turn FROM tidemark.generations r
          WHERE r.group_name = grp AND r.state = 'retired' ORDER BY r.turn DESC LIMIT keep))
      OR (g.state IN ('staging', 'staged')
        AND g.touched_at <= clock_timestamp() - abandoned_ms * interval '1 millisecond'))
    RETURNING g.era, g.n
  )
  SELECT coalesce(json_agg(tidemark.generation_name(d.era, d.n) ORDER BY d.era, d.n), '[]') INTO collected FROM doomed d;
  RETURN collected;
END
$$;

-- Deletes members of collected generations. Returns how many; 0: all are gone, and their generations too.
CREATE FUNCTION tidemark.delete_collected(grp text, max_rows integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deleted bigint;
BEGIN
  DELETE FROM tidemark.members m
  WHERE (m.era, m.n, m.key) IN (
    SELECT d.era, d.n, d.key FROM tidemark.members d
    JOIN tidemark.generations g ON g.era = d.era AND g.n = d.n
    WHERE g.group_name = grp AND g.state = 'collected' LIMIT max_rows);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  IF deleted = 0 THEN
    DELETE FROM tidemark.generations g
    WHERE g.group_name = grp AND g.state = 'collected'
      AND NOT EXISTS (SELECT FROM tidemark.members m WHERE m.era = g.era AND m.n = g.n);
  END IF;
  RETURN deleted;
END
$$;
