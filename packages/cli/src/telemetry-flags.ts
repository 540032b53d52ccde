import { hostname } from 'node:os';
import { noTelemetry, type Telemetry } from '@tidemark/core';
import { otelTelemetry } from '@tidemark/otel';
import { InvalidArgumentError, Option } from 'commander';
import { say } from './place-flags.ts';

/** Where a process of ours sends its traces and metrics. */
export interface TelemetryFlags {
  readonly otlp?: string;
  readonly metricsPort?: number;
}

export function otlpOption(): Option {
  return new Option(
    '--otlp <url>',
    'send traces and metrics to this OTLP/HTTP collector, such as http://127.0.0.1:4318',
  ).argParser(parseUrl);
}

export function metricsPortOption(): Option {
  return new Option('--metrics-port <port>', 'serve metrics for Prometheus there, at /metrics').argParser(
    parsePort,
  );
}

/** Runs `work` with what the flags ask for; what was recorded is sent before this ends. */
export async function withTelemetry<T>(
  { region, otlp, metricsPort, json }: TelemetryFlags & { readonly region: string; readonly json?: true },
  service: string,
  work: (telemetry: Telemetry) => Promise<T>,
): Promise<T> {
  if (otlp === undefined && metricsPort === undefined) return work(noTelemetry);
  // Half of the time that a command takes to start, and few need it.
  const { startSdk } = await import('@tidemark/otel-sdk');
  const sdk = await startSdk({
    service,
    ...(otlp !== undefined && { otlp }),
    ...(metricsPort !== undefined && { prometheus: { host: '0.0.0.0', port: metricsPort } }),
  });
  const { metricsUrl: url } = sdk;
  // With port 0 nobody else knows it.
  if (url !== null) say(json ? { json } : {}, { type: 'metrics', url }, `metrics: ${url}`);
  try {
    return await work(otelTelemetry({ region, node: hostname() }));
  } finally {
    // A collector that is away must not fail what was done.
    await sdk.stop().catch((error: unknown) => {
      process.stderr.write(`telemetry was not all sent: ${String(error)}\n`);
    });
  }
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  throw new InvalidArgumentError('Give an address such as http://127.0.0.1:4318.');
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('Give a port from 1 to 65535, or 0 for any that is free.');
}
