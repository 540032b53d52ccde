import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';

const DEFAULT_HOST = '127.0.0.1';

/** The exports could not be started; coded `E_TELEMETRY`. */
export class SdkError extends Error {
  readonly code = 'E_TELEMETRY';
  override readonly name = 'SdkError';
}

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves what the exporter has at `/metrics`. The exporter could do it itself, but takes port 0 for its default port, and
 * says nowhere which one it got.
 *
 * @throws SdkError when the port can't be had
 */
export async function serveMetrics(
  exporter: PrometheusExporter,
  { host = DEFAULT_HOST, port }: { readonly host?: string; readonly port: number },
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (path === '/metrics') exporter.getMetricsRequestHandler(request, response);
    else response.writeHead(404).end();
  });
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new SdkError(`metrics can't be served at ${host}:${port}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  // It keeps no process alive that has nothing else to do.
  server.unref();
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/metrics`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
