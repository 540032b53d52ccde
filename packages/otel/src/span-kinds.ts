import { SpanKind } from '@opentelemetry/api';
import type { SpanAttributes, SpanName } from '@tidemark/core';

/** Names as the semantic conventions have them. */
export interface Systems {
  readonly store?: string;
  readonly source?: string;
  readonly bus?: string;
}

const KINDS: Partial<Record<SpanName, SpanKind>> = {
  'tidemark.load': SpanKind.CLIENT,
  'tidemark.fill': SpanKind.CLIENT,
  'tidemark.bump': SpanKind.CLIENT,
  'tidemark.raise': SpanKind.CLIENT,
  'tidemark.publish': SpanKind.PRODUCER,
  'tidemark.relay': SpanKind.PRODUCER,
  'tidemark.barrier': SpanKind.PRODUCER,
  'tidemark.apply': SpanKind.CONSUMER,
};

export function spanKind(name: SpanName): SpanKind {
  return KINDS[name] ?? SpanKind.INTERNAL;
}

/** Attributes of the database and messaging conventions, by span. */
export function systemAttributes({
  store = 'redis',
  source = 'postgresql',
  bus = 'nats',
}: Systems = {}): Partial<Record<SpanName, SpanAttributes>> {
  const database = (system: string, operation: string): SpanAttributes => ({
    'db.system.name': system,
    'db.operation.name': operation,
  });
  const sends: SpanAttributes = {
    'messaging.system': bus,
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'publish',
  };
  return {
    'tidemark.load': database(source, 'load'),
    'tidemark.bump': database(source, 'commit'),
    'tidemark.fill': database(store, 'fill'),
    'tidemark.raise': database(store, 'raise'),
    'tidemark.publish': sends,
    'tidemark.relay': sends,
    'tidemark.barrier': sends,
    'tidemark.apply': {
      'messaging.system': bus,
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'apply',
    },
  };
}
