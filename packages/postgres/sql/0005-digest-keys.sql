-- Digests in keys: columns of text that is too long, or too strange, to be part of a key as it is. Runs inside
-- the migration's transaction.

-- Equal to digestKeyPart in @tidemark/core; a property test compares the two.
CREATE FUNCTION tidemark.digest_part(part text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT regexp_replace(left(part, 24) COLLATE "C", '[^A-Za-z0-9._-]', '_', 'g') || '~'
      || translate(encode(sha256(convert_to(part, 'UTF8')), 'base64'), '+/=', '-_')
$$;

-- As before; an empty argument, which is no column, says that the column after it is digested.
CREATE OR REPLACE FUNCTION tidemark.track() RETURNS trigger
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
      || string_agg(
           format(CASE WHEN s.digest THEN 'tidemark.digest_part(%I::text)' ELSE 'tidemark.encode_part(%I::text)' END, s.c),
           ' || '':'' || ' ORDER BY s.i)
  INTO key_of
  FROM (
    SELECT t.c, t.i, lag(t.c) OVER (ORDER BY t.i) IS NOT DISTINCT FROM '' AS digest
    FROM unnest(TG_ARGV[1:]) WITH ORDINALITY AS t(c, i)
  ) s
  WHERE s.c <> '';
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
