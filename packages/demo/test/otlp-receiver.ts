import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Value = {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly boolValue?: boolean;
};

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events?: readonly object[];
  readonly status?: { readonly message?: string };
}

/** A span as it came over the wire. */
export interface ReceivedSpan extends Omit<OtlpSpan, 'attributes'> {
  readonly attributes: Readonly<Record<string, string>>;
}

interface OtlpPoint {
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  /** A histogram has neither. */
  readonly asInt?: number | string;
  readonly asDouble?: number;
}

const KINDS = ['sum', 'gauge', 'histogram'] as const;
type Kind = (typeof KINDS)[number];
type OtlpMetric = { readonly name: string; readonly unit?: string } & {
  readonly [kind in Kind]?: { readonly dataPoints: readonly OtlpPoint[] };
};

/** A metric as it came over the wire, in the last export that had it. */
export interface ReceivedMetric {
  readonly service: string | undefined;
  readonly kind: Kind;
  readonly unit: string;
  /** Labels of each series. */
  readonly series: readonly Readonly<Record<string, string>>[];
  /** Of the series with this label, or of the only one. */
  value(label?: string, of?: string): number | undefined;
}

/** One of a trace exporter, or of a metric exporter. */
interface ExportRequest {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly resource: { readonly attributes: OtlpSpan['attributes'] };
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

/** An OTLP/HTTP collector: keeps the spans and metrics that any exporter sends to it as JSON. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** By name. */
  readonly metrics = new Map<string, ReceivedMetric>();
  readonly #server = createServer((request, response) => {
    void (async () => {
      const { resourceSpans = [], resourceMetrics = [] } = (await json(request)) as ExportRequest;
      // As the protocol has it: each signal has its address.
      const expected = resourceMetrics.length > 0 ? '/v1/metrics' : '/v1/traces';
      if (request.url !== expected) return void response.writeHead(404).end();
      for (const span of resourceSpans.flatMap((each) => each.scopeSpans.flatMap(({ spans }) => spans)))
        this.spans.push({ ...span, attributes: named(span.attributes) });
      for (const { resource, scopeMetrics } of resourceMetrics) {
        const { 'service.name': service } = named(resource.attributes);
        for (const { name, unit = '', ...data } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
          const kind = KINDS.find((each) => data[each])!;
          const points = data[kind]!.dataPoints;
          const series = points.map(({ attributes }) => named(attributes));
          const value = (label?: string, of?: string): number | undefined => {
            const point =
              points[series.findIndex((labels) => label === undefined || labels[`tidemark.${label}`] === of)];
            return point && Number(point.asInt ?? point.asDouble);
          };
          this.metrics.set(name, { service, kind, unit, series, value });
        }
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    })();
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function named(attributes: OtlpSpan['attributes']): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}

/** Spans as an indented tree, each parent's children in the order of their begin; a line is what `line` makes of one. */
export function spanTree(spans: readonly ReceivedSpan[], line: (span: ReceivedSpan) => string): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: string | null, depth: number): string[] =>
    spans
      .filter(({ parentSpanId }) => (parentSpanId && ids.has(parentSpanId) ? parentSpanId : null) === parent)
      .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
      .flatMap((span) => [`${'  '.repeat(depth)}${line(span)}`, ...below(span.spanId, depth + 1)]);
  return below(null, 0).join('\n');
}
