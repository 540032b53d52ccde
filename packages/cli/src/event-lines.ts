import { type DeadLetter, type EngineEvent, formatVersion } from '@tidemark/core';

/** Events that say that something changed; the others are for metrics. */
export function isNews(event: EngineEvent): boolean {
  switch (event.type) {
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
export function eventLine(event: EngineEvent): string {
  switch (event.type) {
    case 'role':
      return event.leading ? `${event.role}: taken` : `${event.role}: with somebody else, or given back`;
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

export function letterLine({ change, cause }: DeadLetter): string {
  return `${JSON.stringify(change.key)} at ${formatVersion(change.version)}: ${cause}`;
}
