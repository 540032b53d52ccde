export { hashKey, type KeyDisplay } from './key-display.ts';
export { type OtelOptions, otelTelemetry } from './otel-telemetry.ts';
export type { Systems } from './span-shapes.ts';
