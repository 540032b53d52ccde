import type { Advice, MeasuredKeyspace } from '@tidemark/advisor';
import { type Server, startPrometheus } from '@tidemark/testbed';
import { expect, vi } from 'vitest';
import { lines } from './command-answers.ts';
import type { RunningDemo } from './running-demo.ts';

const WAIT = { timeout: 60_000, interval: 200 };
/** All that the demo did, however slow the machine. */
const WINDOW_S = 240;
const SCRAPE_MS = 1_000;
/** Before it is advised by them. */
const READS_MIN = 200;

type Measured = Advice & { readonly measured: MeasuredKeyspace };

/** A Prometheus that scrapes the demo, as an operator would have it. */
export class Scraped {
  readonly #demo: RunningDemo;
  readonly #prometheus: Server;

  private constructor(demo: RunningDemo, prometheus: Server) {
    this.#demo = demo;
    this.#prometheus = prometheus;
  }

  static async start(demo: RunningDemo): Promise<Scraped> {
    const targets = [demo.metricsUrl.host];
    return new Scraped(demo, await startPrometheus({ targets, rules: 'groups: []', intervalMs: SCRAPE_MS }));
  }

  /** Advice from what was measured agrees with what was counted. */
  async advises(regions: number, nodes: number): Promise<void> {
    await vi.waitFor(async () => expect(await this.#reads()).toBeGreaterThan(READS_MIN), WAIT);
    const flags = ['--prometheus', this.#prometheus.url, '--window', `${WINDOW_S}s`, '--json'];
    const before = await this.#reads();
    const ran = await this.#demo.tidemark('advise', ...flags);
    const after = await this.#reads();
    const [advice, ...others] = lines(ran) as unknown as Measured[];
    expect([ran.code, ran.err, others]).toEqual([0, '', []]);
    const { measured, workload, choice, reasons, prediction } = advice!;
    expect([measured.keyspace, workload.name]).toEqual(['city', 'city']);
    expect(workload).toMatchObject({ regions, nodes, loadCost: measured.loadMs });
    // A rate goes on to half a scrape before the first and after the last one.
    expect(measured.reads * WINDOW_S).toBeGreaterThan(0.9 * before);
    expect(measured.reads * WINDOW_S).toBeLessThan(1.4 * after);
    expect(measured.l1 + measured.l2 + measured.misses).toBeCloseTo(1, 3);
    expect(prediction.reads).toBe(measured.reads);
    for (const figure of [measured.l1, measured.misses, measured.loadMs!, workload.writes])
      expect(figure).toBeGreaterThan(0);
    expect(choice).not.toBe('no-cache');
    expect(reasons).not.toEqual([]);
  }

  /** Between the first scrape and the last one. */
  async #reads(): Promise<number> {
    const counter = 'tidemark_reads_total';
    const query = `sum(${counter} - min_over_time(${counter}[${WINDOW_S}s]))`;
    const response = await fetch(`${this.#prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? 0);
  }

  close(): Promise<void> {
    return this.#prometheus.close();
  }
}
