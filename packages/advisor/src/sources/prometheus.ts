import * as z from 'zod';
import { MetricsError } from '../errors.ts';

export interface PrometheusOptions {
  /** Of its web page, such as `http://127.0.0.1:9090`; a name and a password in it are sent as such. */
  readonly url: string;
  /** How long a query may take, ms. */
  readonly timeoutMs: number;
}

/** One series of an instant query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SERIES_MAX = 10_000;
const ANSWER = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.object({
      resultType: z.literal('vector'),
      result: z.array(
        z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
      ),
    }),
  }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);

/** Asks a Prometheus for the values of now. @throws MetricsError */
export async function queryPrometheus(
  { url, timeoutMs }: PrometheusOptions,
  query: string,
): Promise<Sample[]> {
  const { address, headers } = addressOf(url);
  const body = await answer(
    `${address}/api/v1/query?query=${encodeURIComponent(query)}`,
    headers,
    timeoutMs,
    address,
  );
  const { data, success } = ANSWER.safeParse(body);
  if (!success)
    throw new MetricsError(
      `${address} answers, and not as a Prometheus does; give the address of its web page`,
    );
  if (data.status === 'error') throw new MetricsError(`${address} refuses ${query}: ${data.error}`);
  if (data.data.result.length > SERIES_MAX)
    throw new MetricsError(
      `${query} has more than ${SERIES_MAX} series; advice needs a Prometheus of one mesh`,
    );
  return data.data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
}

function addressOf(text: string): { readonly address: string; readonly headers: Record<string, string> } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new MetricsError(
      `${JSON.stringify(text)} is no address of a Prometheus, such as http://127.0.0.1:9090`,
    );
  const address = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  if (url.username === '') return { address, headers: {} };
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { address, headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` } };
}

async function answer(
  url: string,
  headers: Record<string, string>,
  timeoutMs: number,
  address: string,
): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
    text = await response.text();
  } catch (error) {
    const { name, message, cause } = error as Error;
    const reason =
      name === 'TimeoutError'
        ? `within ${timeoutMs} ms`
        : `(${cause instanceof Error ? cause.message : message})`;
    throw new MetricsError(
      `${address} does not answer ${reason}; is it the address of a Prometheus that runs?`,
      { cause: error },
    );
  }
  if (response.status === 401 || response.status === 403)
    throw new MetricsError(
      `${address} asks for a login (${response.status}); write it into the address, as in http://name:password@host`,
    );
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
