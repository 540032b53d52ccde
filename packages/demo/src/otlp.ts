import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';

const EXPORT_EVERY_MS = 5_000;

/** Exports this process' traces and metrics to an OTLP/HTTP collector; returns how to flush and stop. */
export function startOtlp(url: string): () => Promise<void> {
  const base = url.replace(/\/+$/, '');
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': 'tidemark-demo' }),
    traceExporter: new OTLPTraceExporter({ url: `${base}/v1/traces` }),
    metricReaders: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url: `${base}/v1/metrics` }),
        exportIntervalMillis: EXPORT_EVERY_MS,
      }),
    ],
    logRecordProcessors: [],
  });
  sdk.start();
  // A collector that is away must not fail the run.
  return () =>
    sdk.shutdown().catch((error: unknown) => {
      process.stderr.write(`OTLP export failed: ${String(error)}\n`);
    });
}
