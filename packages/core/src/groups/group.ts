import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Duration, durationMs } from '../keyspace/duration.ts';
import type { ParamTypes } from '../keyspace/params.ts';
import { ConfigurationError } from '../ports/errors.ts';
import { isKeyspaceName } from '../protocol/key.ts';

export interface GroupOptions<P extends ParamTypes, V> {
  /** Lower-case letters, digits, `-` and `_`. */
  readonly name: string;
  /** Parameters of one member. */
  readonly params: P;
  /** Raise it when the shape of the values changes. Default 1. */
  readonly schemaVersion?: number;
  /** Any Standard Schema; checked when a member is staged, loaded and decoded. */
  readonly schema?: StandardSchemaV1<unknown, V>;
  /** How long caches keep a member. It never changes, so this only bounds memory. Default 1 hour. */
  readonly ttl?: Duration;
  /** How long a view may be used; must be shorter than the grace of collections. Default 60 s. */
  readonly viewLife?: Duration;
}

/** A named set of keys whose values become visible all at once. Made by `group()`. */
export interface Group<P extends ParamTypes = ParamTypes, V = unknown> {
  readonly kind: 'group';
  readonly name: string;
  readonly params: P;
  readonly schemaVersion: number;
  readonly schema: StandardSchemaV1<unknown, V> | undefined;
  readonly ttlMs: number;
  readonly viewLifeMs: number;
}

/** Any group, whatever its types. */
// oxlint-disable-next-line typescript/no-explicit-any -- a list of groups of different types has no narrower type
export type AnyGroup = Group<any, any>;

const SCHEMA_VERSION_MAX = 0xffff_ffff;

/**
 * Declares a group.
 *
 * @typeParam V type of the members; from `schema` when it is given, else JSON as it was staged
 * @throws ConfigurationError when a name, duration or schema version is not usable
 */
export function group<const P extends ParamTypes, V = unknown>(options: GroupOptions<P, V>): Group<P, V> {
  const { name, params, schemaVersion = 1 } = options;
  if (!isKeyspaceName(name)) {
    throw new ConfigurationError(
      `group name ${JSON.stringify(name)}: use 1 to 64 lower-case letters, digits, '-' or '_', a letter first`,
    );
  }
  if (Object.keys(params).length === 0)
    throw new ConfigurationError(`group ${name} needs at least one parameter`);
  if (!Number.isInteger(schemaVersion) || schemaVersion < 0 || schemaVersion > SCHEMA_VERSION_MAX) {
    throw new ConfigurationError(`group ${name}: schemaVersion must be an integer from 0 to 2^32-1`);
  }
  return Object.freeze({
    kind: 'group',
    name,
    params,
    schemaVersion,
    schema: options.schema,
    ttlMs: durationMs(options.ttl ?? '1h', `group ${name}, ttl`),
    viewLifeMs: durationMs(options.viewLife ?? '60s', `group ${name}, viewLife`),
  });
}
