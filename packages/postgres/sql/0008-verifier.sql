-- What a verifier has still to check, and what it counted so far: so that it outlives its process, and may go on
-- elsewhere. Nothing in the data path uses it. Runs inside the migration's transaction.

-- state: counts and places, as the verifier wrote them.
CREATE TABLE tidemark.verifiers (
  name     text COLLATE "C" PRIMARY KEY,
  state    json NOT NULL,
  saved_at timestamptz NOT NULL
);

-- Invalidations in the order in which they were seen; seen_at by the source's clock, which alone measures their age.
CREATE TABLE tidemark.verifier_events (
  name    text COLLATE "C" NOT NULL,
  id      bigint NOT NULL,
  key     text NOT NULL,
  era     integer NOT NULL,
  version bigint NOT NULL,
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (name, id)
);
REVOKE ALL ON tidemark.verifiers, tidemark.verifier_events FROM PUBLIC;

-- Null when nothing was saved under the name. events: [id, key, era, version, age in ms], in order.
CREATE FUNCTION tidemark.verifier_load(verifier text) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT json_build_object(
    'state', v.state,
    'events', (
      SELECT coalesce(json_agg(json_build_array(e.id, e.key, e.era, e.version,
        greatest(0, floor(extract(epoch FROM statement_timestamp() - e.seen_at) * 1000)::bigint)) ORDER BY e.id), '[]')
      FROM tidemark.verifier_events e WHERE e.name = v.name))
  FROM tidemark.verifiers v WHERE v.name = verifier
$$;

-- All in one step, so that a check is counted if and only if it is not pending any more. events: as above; those that
-- are there already stay as they are.
CREATE FUNCTION tidemark.verifier_save(verifier text, new_state json, done_below bigint, events json) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO tidemark.verifiers AS v (name, state, saved_at) VALUES (verifier, new_state, statement_timestamp())
  ON CONFLICT (name) DO UPDATE SET state = excluded.state, saved_at = excluded.saved_at;
  DELETE FROM tidemark.verifier_events e WHERE e.name = verifier AND e.id < done_below;
  INSERT INTO tidemark.verifier_events (name, id, key, era, version, seen_at)
  SELECT verifier, (r->>0)::bigint, r->>1, (r->>2)::integer, (r->>3)::bigint,
    statement_timestamp() - make_interval(secs => (r->>4)::double precision / 1000)
  FROM json_array_elements(events) AS r
  ON CONFLICT DO NOTHING;
END
$$;
