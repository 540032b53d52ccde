import { type Channel, ConfigurationError, type RegionId } from '@tidemark/core';
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

const SOURCE = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** No underscore, as in `regions/`: `a_b` of one source must not be region `b` of another in a stream's name. */
const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** @throws ConfigurationError naming the option that is wrong */
export function checkOptions(options: NatsBusOptions): void {
  if (!SOURCE.test(options.source)) {
    throw new ConfigurationError(
      `source ${JSON.stringify(options.source)} can't be part of a NATS subject: use lower-case letters, digits, '-' and '_'`,
    );
  }
  for (const region of [options.region, ...Object.keys(options.servers)]) {
    if (!REGION.test(region)) {
      throw new ConfigurationError(
        `region ${JSON.stringify(region)} can't be part of a NATS subject: use lower-case letters, digits and '-'`,
      );
    }
  }
  if (!Object.hasOwn(options.servers, options.region)) {
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

/** What is sent there is never stored. */
export function channelSubject(source: string, region: RegionId, channel: Channel): string {
  return `tidemark.${source}.${region}.${channel}`;
}

const APPLIER = /^tidemark applier of ([a-z0-9-]+)$/;

/** What operators see of the consumers that a region's appliers have on streams. */
export function followerDescription(region: RegionId): string {
  return `tidemark applier of ${region}`;
}

/** The region whose applier has a consumer of this description; null for other consumers. */
export function followerRegion(description: string | undefined): RegionId | null {
  return APPLIER.exec(description ?? '')?.[1] ?? null;
}
