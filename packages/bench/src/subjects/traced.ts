import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { trace } from '@opentelemetry/api';
import { startSdk } from '@tidemark/otel-sdk';
import type { Load, Subject, SubjectOptions } from '../subject.ts';
import { openTidemark } from './tidemark.ts';

/** Each read inside a request's span, of which a tenth is kept and sent to a collector that throws it away. */
export async function openTraced(options: SubjectOptions, load: Load): Promise<Subject> {
  const collector = createServer((request, response) => {
    request.resume().once('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  process.env['OTEL_TRACES_SAMPLER'] = 'parentbased_traceidratio';
  process.env['OTEL_TRACES_SAMPLER_ARG'] = '0.1';
  const sdk = await startSdk({
    service: 'bench',
    otlp: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
  });
  const subject = await openTidemark(options, load, 'api');
  const tracer = trace.getTracer('bench');
  return {
    ...subject,
    get: (id) =>
      tracer.startActiveSpan('GET /rows/:id', async (span) => {
        try {
          return await subject.get(id);
        } finally {
          span.end();
        }
      }),
    async close() {
      await subject.close();
      await sdk.stop();
      collector.closeAllConnections();
      collector.close();
    },
  };
}
