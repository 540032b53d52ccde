import { type DeadLetter, type EngineEvent, formatVersion } from '@tidemark/core';
import type { ServerEvent } from './server-watch.ts';

const SERVERS = { redis: 'Redis', nats: 'NATS', postgres: 'Postgres' } as const;

/** Events that say that something changed; the others are for metrics. */
export function isNews(event: EngineEvent | ServerEvent): boolean {
  switch (event.type) {
    case 'waiting':
    case 'reached':
    case 'role':
    case 'gap':
    case 'resync':
    case 'dead-letters':
    case 'bad-message':
      return true;
    default:
      return false;
  }
}

/** One line for a person. */
export function eventLine(event: EngineEvent | ServerEvent): string {
  switch (event.type) {
    case 'waiting':
      return `waits for ${serverName(event)}: ${event.reason}`;
    case 'reached':
      return `${serverName(event)} is there`;
    case 'role':
      return event.leading ? `${event.role}: taken` : `${event.role}: given back, or lost to another`;
    case 'gap':
      return `gap from ${event.from}: ${event.reason}; the region resyncs`;
    case 'resync':
      return event.ok
        ? `resynced: ${event.changes} changes in ${Math.round(event.ms)} ms`
        : 'resync failed, tried again: are Postgres and Redis up and reachable?';
    case 'dead-letters':
      return event.open === 0
        ? 'no dead letters'
        : `${event.open} dead letters: nothing is proven until they are resolved; see tidemark dead-letters list`;
    case 'bad-message':
      return `a message from ${event.from} can't be read: ${event.reason}`;
    default:
      return event.type;
  }
}

function serverName({ server, region, address }: ServerEvent): string {
  return `${SERVERS[server]} of ${region} at ${address}`;
}

export function letterLine({ change, cause }: DeadLetter): string {
  return `${JSON.stringify(change.key)} at ${formatVersion(change.version)}: ${cause}`;
}
