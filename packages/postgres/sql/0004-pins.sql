-- Pins: contents that rollbacks gave single keys. A pin counts until the key gets a newer version. Runs
-- inside the migration's transaction.

CREATE TABLE tidemark.pins (
  key    text COLLATE "C" PRIMARY KEY,
  -- The key's version that the rollback made, and the one that the content was first of.
  n      bigint NOT NULL,
  origin bigint NOT NULL,
  schema bigint NOT NULL,
  -- Null: the key went back to having no value.
  data   bytea
);
REVOKE ALL ON tidemark.pins FROM PUBLIC;

-- One for each key, in order: null, or [n, origin, schema, data as base64 or null].
CREATE FUNCTION tidemark.read_pins(keys text[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(json_agg(
      CASE WHEN p.key IS NOT NULL THEN json_build_array(p.n, p.origin, p.schema, encode(p.data, 'base64')) END
      ORDER BY k.i), '[]')
    FROM unnest(keys) WITH ORDINALITY AS k(key, i)
    LEFT JOIN tidemark.pins p ON p.key = k.key COLLATE "C"
  );
END
$$;

-- Bumps the key and stores the content with its new version. Returns false, and changes nothing, when the
-- key's version is not `expected`.
CREATE FUNCTION tidemark.pin(pinned text, expected bigint, origin bigint, schema bigint, data bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known bigint;
  own xid8;
BEGIN
  -- Writers of the key wait from here on: their versions will be above the pin's.
  SELECT v.version INTO known FROM tidemark.versions v WHERE v.key = pinned COLLATE "C" FOR UPDATE;
  IF FOUND THEN
    IF known <> expected THEN
      RETURN false;
    END IF;
    PERFORM tidemark.bump(ARRAY[pinned]);
  ELSE
    -- Without a row there is nothing to lock; whoever inserts it first has changed the key.
    IF (SELECT p.absent FROM tidemark.position_now() p) <> expected OR tidemark.changelog_key(pinned) IS DISTINCT FROM pinned THEN
      RETURN false;
    END IF;
    PERFORM tidemark.commit_durably();
    own := pg_current_xact_id();
    INSERT INTO tidemark.versions (key, version, xid, at, deleted)
    VALUES (pinned, nextval('tidemark.version_seq'), own, statement_timestamp(), false)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN false;
    END IF;
  END IF;
  INSERT INTO tidemark.pins AS p (key, n, origin, schema, data)
  SELECT v.key, v.version, pin.origin, pin.schema, pin.data FROM tidemark.versions v WHERE v.key = pinned COLLATE "C"
  ON CONFLICT (key) DO UPDATE
  SET n = excluded.n, origin = excluded.origin, schema = excluded.schema, data = excluded.data;
  RETURN true;
END
$$;
