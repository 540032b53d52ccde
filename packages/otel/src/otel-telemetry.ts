import {
  context,
  type Meter,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { EngineEvent, SpanName, Telemetry } from '@tidemark/core';
import { engineMetrics } from './engine-metrics.ts';

export interface OtelOptions {
  /** Region and node appear on every span and metric. */
  readonly region: string;
  readonly node: string;
  /** Default: the globally registered providers. */
  readonly tracer?: Tracer;
  readonly meter?: Meter;
}

const KINDS: Readonly<Record<SpanName, SpanKind>> = {
  'tidemark.write': SpanKind.INTERNAL,
  'tidemark.load': SpanKind.CLIENT,
  'tidemark.publish': SpanKind.PRODUCER,
  'tidemark.relay': SpanKind.PRODUCER,
  'tidemark.apply': SpanKind.CONSUMER,
  'tidemark.resync': SpanKind.INTERNAL,
};

const SCOPE = '@tidemark/otel';

/**
 * Turns what a node does into OpenTelemetry spans and metrics. Without a registered SDK all of it
 * is a no-op of the API. Keys never appear; labels are of low cardinality.
 */
export function otelTelemetry(options: OtelOptions): Telemetry {
  const tracer = options.tracer ?? trace.getTracer(SCOPE);
  const identity = { 'tidemark.region': options.region, 'tidemark.node': options.node };
  const record = engineMetrics(options.meter ?? metrics.getMeter(SCOPE), identity);
  return {
    async trace(name, attributes, carrier, work) {
      const parent = carrier ? propagation.extract(context.active(), carrier) : context.active();
      const span = tracer.startSpan(
        name,
        { kind: KINDS[name], attributes: { ...identity, ...attributes } },
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
        if (failure) {
          const error = failure.error instanceof Error ? failure.error : new Error(String(failure.error));
          span.recordException(error);
          span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
        }
        span.end();
      }
    },
    inject() {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      return Object.keys(carrier).length > 0 ? carrier : undefined;
    },
    record: (event: EngineEvent) => record(event),
  };
}
