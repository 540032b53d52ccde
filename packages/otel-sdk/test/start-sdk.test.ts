import { afterEach, expect, it } from 'vitest';
import { metrics } from '@opentelemetry/api';
import { type Sdk, startSdk } from '../src/index.ts';

let sdk: Sdk | null = null;
afterEach(async () => {
  await sdk?.stop();
  sdk = null;
});

const onAnyPort = (): Promise<Sdk> => startSdk({ service: 'test', prometheus: { port: 0 } });

it('serves metrics at a port that is free, and says which', async () => {
  sdk = await onAnyPort();
  metrics.getMeter('test').createCounter('tidemark.tries').add(3);
  const url = new URL(sdk.metricsUrl!);
  expect(Number(url.port)).toBeGreaterThan(0);
  expect(url.port).not.toBe('9464');
  const served = await fetch(url);
  expect(served.status).toBe(200);
  expect(await served.text()).toContain('tidemark_tries_total{otel_scope_name="test"} 3');
  expect((await fetch(new URL('/', url))).status).toBe(404);
});

it('says so when a port is taken, and gives its own one back', async () => {
  sdk = await onAnyPort();
  const port = Number(new URL(sdk.metricsUrl!).port);
  await expect(startSdk({ service: 'other', prometheus: { port } })).rejects.toMatchObject({
    code: 'E_TELEMETRY',
    message: expect.stringContaining(`127.0.0.1:${port}`) as unknown,
  });
  await sdk.stop();
  sdk = await startSdk({ service: 'later', prometheus: { port } });
  expect(sdk.metricsUrl).toBe(`http://127.0.0.1:${port}/metrics`);
});
