import { SpanKind } from '@opentelemetry/api';
import type { SpanAttributes, SpanName } from '@tidemark/core';

/** Names as the semantic conventions have them. */
export interface Systems {
  readonly store?: string;
  readonly source?: string;
  readonly bus?: string;
}

/** A span as it is exported. */
export interface SpanShape {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: SpanAttributes;
}

const SENT: ReadonlySet<SpanName> = new Set(['tidemark.publish', 'tidemark.relay', 'tidemark.barrier']);

/**
 * Calls of databases and of the bus are named and described as the conventions ask, `{operation} {target}`; what is
 * work of the engine's own keeps its name.
 *
 * @param region whose stream is sent to
 */
export function spanShapes(
  region: string,
  { store = 'redis', source = 'postgresql', bus = 'nats' }: Systems = {},
): (name: SpanName, about: SpanAttributes) => SpanShape {
  const call = (system: string, operation: string, target: unknown): SpanShape => {
    const summary = typeof target === 'string' ? `${operation} ${target}` : operation;
    return {
      name: summary,
      kind: SpanKind.CLIENT,
      attributes: { 'db.system.name': system, 'db.operation.name': operation, 'db.query.summary': summary },
    };
  };
  const message = (operation: string, type: 'send' | 'process', stream: string): SpanShape => ({
    name: `${operation} ${stream}`,
    kind: type === 'send' ? SpanKind.PRODUCER : SpanKind.CONSUMER,
    attributes: {
      'messaging.system': bus,
      'messaging.operation.type': type,
      'messaging.operation.name': operation,
      'messaging.destination.name': stream,
    },
  });
  return (name, about) => {
    if (SENT.has(name)) return message(name.slice('tidemark.'.length), 'send', region);
    switch (name) {
      case 'tidemark.load':
        return call(source, 'load', about['tidemark.keyspace']);
      case 'tidemark.bump':
        return call(source, 'commit', null);
      case 'tidemark.fill':
        return call(store, 'fill', about['tidemark.keyspace']);
      case 'tidemark.raise':
        return call(store, 'raise', null);
      case 'tidemark.apply':
        return message('apply', 'process', String(about['tidemark.from']));
      default:
        return { name, kind: SpanKind.INTERNAL, attributes: {} };
    }
  };
}
