import { metrics, trace } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { type IMetricReader, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { type MetricsServer, serveMetrics } from './metrics-server.ts';

const EXPORT_EVERY_MS = 5_000;

export interface SdkOptions {
  /** `service.name` of everything that is exported. */
  readonly service: string;
  /** Base address of an OTLP/HTTP collector, such as http://127.0.0.1:4318. */
  readonly otlp?: string;
  /** Serves `/metrics` there. Host: default 127.0.0.1. Port 0: any that is free. */
  readonly prometheus?: { readonly host?: string; readonly port: number };
}

export interface Sdk {
  /** Where Prometheus finds the metrics; null without `prometheus`. */
  readonly metricsUrl: string | null;
  /** Sends what is left, and stops. Rejects when it could not be sent. */
  stop(): Promise<void>;
}

/**
 * Registers this process' tracer and meter providers, until it is stopped.
 *
 * @throws SdkError when the port of `prometheus` can't be had
 */
export async function startSdk({ service, otlp, prometheus }: SdkOptions): Promise<Sdk> {
  const resource = resourceFromAttributes({ 'service.name': service });
  const base = otlp?.replace(/\/+$/, '');
  const readers: IMetricReader[] = [];
  let server: MetricsServer | null = null;
  if (prometheus) {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    server = await serveMetrics(exporter, prometheus);
    readers.push(exporter);
  }
  if (base !== undefined) {
    readers.push(
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url: `${base}/v1/metrics` }),
        exportIntervalMillis: EXPORT_EVERY_MS,
      }),
    );
  }
  const sdk = new NodeSDK({
    resource,
    spanProcessors:
      base === undefined
        ? []
        : [new tracing.BatchSpanProcessor(new OTLPTraceExporter({ url: `${base}/v1/traces` }))],
    metricReaders: readers,
    logRecordProcessors: [],
  });
  sdk.start();
  return {
    metricsUrl: server?.url ?? null,
    async stop() {
      try {
        await sdk.shutdown();
      } finally {
        await server?.close();
        trace.disable();
        metrics.disable();
      }
    },
  };
}
