import { lifetime } from '../node/lifetime.ts';
import type { AnyKeyspace } from '../node/options.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ShippedValue } from '../protocol/event.ts';
import { compareVersions } from '../protocol/version.ts';
import { split } from '../store/partitioned-store.ts';
import { fillOfCopy } from '../protocol/copied-value.ts';

/** They come one by one, when their writers wrote them: nothing ends together. */
const NO_JITTER = 0;

/**
 * Fills a store with values that their writers shipped. They are fills like any other, judged by
 * version and as-of; only keyspaces that ask for it, in their present schema, take them.
 */
export async function fillShipped(
  store: Store,
  values: readonly ShippedValue[],
  keyspaceOf: (key: string) => AnyKeyspace | undefined,
  telemetry: Telemetry,
): Promise<void> {
  const taken = values.filter(({ key, schema }) => {
    const keyspace = keyspaceOf(key);
    return keyspace?.onWrite === 'update' && keyspace.schemaVersion === schema;
  });
  const partitions = store.partitions ?? [store];
  await Promise.all(
    [...split(taken, partitions.length, ({ key }) => key)].flatMap(([i, part]) =>
      [...new Set(part.map(({ schema }) => schema))].map((schema) =>
        fillPart(
          partitions[i]!,
          schema,
          part.filter((each) => each.schema === schema),
          { keyspaceOf, telemetry },
        ),
      ),
    ),
  );
}

async function fillPart(
  store: Store,
  schema: number,
  values: readonly ShippedValue[],
  {
    keyspaceOf,
    telemetry,
  }: { readonly keyspaceOf: (key: string) => AnyKeyspace | undefined; readonly telemetry: Telemetry },
): Promise<void> {
  const { meta, records } = await store.read(
    values.map(({ key }) => key),
    schema,
  );
  if (!meta) return;
  await Promise.all(
    values.map(async ({ key, version, scope, asOf, data }, i) => {
      const shown = records[i]?.value;
      // Another release's value is not what this one would replace.
      const known = shown?.schema === schema ? shown : null;
      if (known && compareVersions(known.version, version) >= 0) return;
      const keyspace = keyspaceOf(key)!;
      const bytes = data === null ? null : Buffer.from(data, 'base64');
      const life = lifetime(keyspace, data, NO_JITTER);
      const copied = { key, version, scope, schema, ...life, data: bytes, dependencies: [] };
      const fill = { ...fillOfCopy(copied, asOf, meta), replaces: known?.filledAtMs ?? null };
      const verdict = await store.fill(fill);
      telemetry.record({ type: 'fill', keyspace: keyspace.name, verdict, freshMs: fill.freshMs });
    }),
  );
}
