import { ConfigurationError, type RegionId } from '@tidemark/core';
import type { ConnectionOptions } from 'nats';

export interface NatsServerOptions {
  readonly servers: string | readonly string[];
  /** Further connection options, for example credentials and TLS. */
  readonly connection?: ConnectionOptions;
}

export interface NatsBusOptions {
  /** Name of the source of truth; part of every subject. */
  readonly source: string;
  readonly region: RegionId;
  /** The own region and every peer. */
  readonly servers: Readonly<Record<RegionId, NatsServerOptions>>;
  /** How long the own region's stream keeps messages, ms. Default 24 hours. */
  readonly maxAgeMs?: number;
  /** Bytes that the own region's stream keeps. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Messages that the own region's stream keeps. Default unlimited. */
  readonly maxMessages?: number;
  /** After this an append counts as failed, ms. Default 1,000. */
  readonly ackTimeoutMs?: number;
}

const TOKEN = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** @throws ConfigurationError naming the option that is wrong */
export function checkOptions(options: NatsBusOptions): void {
  for (const token of [options.source, options.region, ...Object.keys(options.servers)]) {
    if (!TOKEN.test(token)) {
      throw new ConfigurationError(
        `${JSON.stringify(token)} can't be part of a NATS subject: use lower-case letters, digits, '-' and '_'`,
      );
    }
  }
  if (!options.servers[options.region]) {
    throw new ConfigurationError(`servers has no entry for the own region ${options.region}`);
  }
}

export function streamName(source: string, region: RegionId): string {
  return `TM_${source}_${region}`;
}

/** The only subject that the region's stream stores. */
export function logSubject(source: string, region: RegionId): string {
  return `tidemark.${source}.${region}.log`;
}
