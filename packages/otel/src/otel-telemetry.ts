import {
  type Context,
  context,
  createNoopMeter,
  type Link,
  type Meter,
  metrics,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { Carrier, EngineEvent, SpanAttributes, SpanOrigin, Telemetry } from '@tidemark/core';
import { engineMetrics } from './engine-metrics.ts';
import { type KeyDisplay, showKey } from './key-display.ts';
import { nodeMetrics } from './node-metrics.ts';
import { familyOf } from './reason-family.ts';
import { fail } from './span-failure.ts';
import { spanShapes, type Systems } from './span-shapes.ts';

export interface OtelOptions {
  /** Region and node appear on every span and metric. */
  readonly region: string;
  readonly node: string;
  /** Default: the globally registered providers. */
  readonly tracer?: Tracer;
  readonly meter?: Meter;
  /** How keys appear in spans; in metrics they never do. Default `hash`: the first 16 hex digits of SHA-256. */
  readonly keysInSpans?: KeyDisplay;
  /** What `db.system.name` and `messaging.system` say. Default: redis, postgresql, nats. */
  readonly systems?: Systems;
}

const SCOPE = '@tidemark/otel';

/**
 * Turns what a node does into OpenTelemetry spans and metrics; see docs/reference/telemetry.md. Without a registered
 * SDK all of it is a no-op of the API, and reads do not call it.
 */
export function otelTelemetry(options: OtelOptions): Telemetry {
  const tracer = options.tracer ?? trace.getTracer(SCOPE);
  const meter = options.meter ?? metrics.getMeter(SCOPE);
  const identity = { 'tidemark.region': options.region, 'tidemark.node': options.node };
  const record = engineMetrics(meter, identity);
  const shapeOf = spanShapes(options.region, options.systems);
  const display = options.keysInSpans ?? 'hash';
  return {
    // The API hands out this one meter for as long as there is no SDK.
    records: meter !== createNoopMeter(),
    traced: () => trace.getActiveSpan()?.isRecording() === true,
    async trace(name, attributes, origin, work) {
      const parent = parentOf(origin);
      const { 'tidemark.key': key, ...others } = attributes;
      const shape = shapeOf(name, attributes);
      const span = tracer.startSpan(
        shape.name,
        {
          kind: shape.kind,
          attributes: {
            ...identity,
            ...shape.attributes,
            ...withoutQuotes(others),
            ...showKey(key, display),
          },
          links: linksOf(origin),
        },
        parent,
      );
      let failure: { readonly error: unknown } | null = null;
      try {
        return await context.with(trace.setSpan(parent, span), () =>
          work({
            set: (more) => void span.setAttributes(more),
            end: (error) => void (failure = error === undefined ? null : { error }),
          }),
        );
      } catch (error) {
        failure = { error };
        throw error;
      } finally {
        if (failure) fail(span, failure.error, key, display);
        span.end();
      }
    },
    inject() {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      return Object.keys(carrier).length > 0 ? carrier : undefined;
    },
    record: (event: EngineEvent) => record(event),
    observe: (gauges) => nodeMetrics(meter, identity, gauges),
  };
}

/** Reasons may quote what was received. */
function withoutQuotes(attributes: SpanAttributes): SpanAttributes {
  const { 'tidemark.reason': reason } = attributes;
  return typeof reason === 'string' ? { ...attributes, 'tidemark.reason': familyOf(reason) } : attributes;
}

function parentOf(origin: SpanOrigin | undefined): Context {
  return origin?.parent ? propagation.extract(context.active(), origin.parent) : context.active();
}

function linksOf(origin: SpanOrigin | undefined): Link[] {
  return (origin?.links ?? []).flatMap((carrier: Carrier) => {
    const linked = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier));
    return linked ? [{ context: linked }] : [];
  });
}
