import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { predict } from '../src/model/predict.ts';
import { fitWorkload } from '../src/sources/measured-workload.ts';
import { type MeasuredMesh, measureMesh } from '../src/sources/measured.ts';
import { queryPrometheus } from '../src/sources/prometheus.ts';
import { workload, type WorkloadInput } from '../src/workload.ts';

const TTL_S = 120;

/** What a mesh with this traffic would measure. */
function measuredOf(input: WorkloadInput): MeasuredMesh {
  const work = workload(input);
  const { l1, l2, misses, loads } = predict(work, {
    ttlS: TTL_S,
    negativeTtlS: TTL_S,
    onWrite: 'invalidate',
    invalidated: true,
    l1Entries: 1_000,
  });
  const keyspace = {
    keyspace: work.name,
    reads: work.reads,
    l1,
    l2,
    misses,
    loads,
    loadMs: 4,
    ttlS: TTL_S,
    unproven: 0,
  };
  const { nodes, regions, writes } = work;
  return {
    windowS: 60,
    nodes,
    regions,
    invalidations: writes,
    entryBytes: 920,
    l1Entries: 700,
    keyspaces: [keyspace],
  };
}

describe('from what was measured', () => {
  it('the keys are found again', () => {
    const mesh = measuredOf({ reads: 2_000, writes: 10, keys: 250_000, nodes: 4, regions: 2 });
    const { work, notes } = fitWorkload(mesh, mesh.keyspaces[0]!, {});
    expect(work.keys / 250_000).toBeCloseTo(1, 1);
    expect(work).toMatchObject({
      reads: 2_000,
      writes: 10,
      nodes: 4,
      regions: 2,
      loadCost: 4,
      valueBytes: 500,
    });
    expect(notes).toEqual([expect.stringMatching(/^250,000 keys explain the misses/)]);
  });

  it('writes to keys that nobody reads are told from the others', () => {
    const mesh = measuredOf({ reads: 2_000, writes: 50, keys: 700 });
    const { work, notes } = fitWorkload({ ...mesh, invalidations: 200 }, mesh.keyspaces[0]!, {});
    expect(work.writes).toBeCloseTo(50, 0);
    expect(notes[0]).toMatch(/^25 % of the invalidations explain the misses/);
  });

  it('reads that come closer together than by chance are said to', () => {
    const mesh = measuredOf({ reads: 2_000, writes: 0, keys: 700 });
    const fewer = { ...mesh.keyspaces[0]!, misses: 0.0001 };
    const { work, notes } = fitWorkload(mesh, fewer, {});
    expect(work.keys).toBe(700);
    expect(notes[0]).toMatch(/closer together than by chance/);
  });

  it('of several keyspaces invalidations are shared out by loads', () => {
    const mesh = measuredOf({ reads: 2_000, writes: 40, keys: 1_000 });
    const [one] = mesh.keyspaces;
    const two = { ...mesh, keyspaces: [one!, { ...one!, keyspace: 'other', loads: one!.loads * 3 }] };
    const { work, notes } = fitWorkload(two, one!, { keys: 1_000 });
    expect(work.writes).toBeCloseTo(10, 6);
    expect(notes[0]).toMatch(/shared out by loads/);
    expect(fitWorkload(two, one!, { keys: 1_000, writes: 7 })).toMatchObject({
      work: { writes: 7 },
      notes: [],
    });
  });
});

describe('a Prometheus', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const query = (url: string, timeoutMs = 5_000) => queryPrometheus({ url, timeoutMs }, 'up');

  it('is asked below its path, with the login of its address', async () => {
    const asked: unknown[] = [];
    const host = await serve((request, response) => {
      asked.push(request.url, request.headers.authorization);
      response.end(
        JSON.stringify({
          status: 'success',
          data: { resultType: 'vector', result: [{ metric: { a: 'b' }, value: [1, '2.5'] }] },
        }),
      );
    });
    expect(await query(`http://na%40me:word@${host}/prom/`)).toEqual([{ labels: { a: 'b' }, value: 2.5 }]);
    expect(asked).toEqual([
      '/prom/api/v1/query?query=up',
      `Basic ${Buffer.from('na@me:word').toString('base64')}`,
    ]);
  });

  it.each<[string, RequestListener, RegExp]>([
    ['that is none', (_, response) => response.end('<html>'), /answers, and not as a Prometheus does/],
    [
      'that refuses',
      (_, response) => response.end('{"status":"error","error":"parse error"}'),
      /refuses up: parse error/,
    ],
    ['that wants a login', (_, response) => response.writeHead(401).end(), /write it into the address/],
    ['that does not answer', () => {}, /does not answer within 200 ms/],
    ['that hangs up', (request) => request.socket.destroy(), /does not answer \(.*\); is it the address/],
  ])('%s', async (name, listener, message) => {
    const timeoutMs = name === 'that does not answer' ? 200 : 20_000;
    await expect(query(`http://${await serve(listener)}`, timeoutMs)).rejects.toMatchObject({
      code: 'E_METRICS',
      message: expect.stringMatching(message),
    });
  });

  it('without an address, or without reads', async () => {
    await expect(query('localhost:9090')).rejects.toMatchObject({ code: 'E_METRICS' });
    await expect(query('nowhere')).rejects.toThrow(/is no address of a Prometheus/);
    const host = await serve((_, response) =>
      response.end('{"status":"success","data":{"resultType":"vector","result":[]}}'),
    );
    await expect(measureMesh({ url: `http://${host}`, timeoutMs: 5_000 }, 60)).rejects.toThrow(
      /saw no reads \(tidemark_reads_total\) in the last 60 s; have it scrape/,
    );
  });
});
