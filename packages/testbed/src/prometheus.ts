import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needBinary } from './find-binary.ts';
import { type Server, startServer } from './server.ts';

export interface PrometheusOptions {
  /** Addresses that serve `/metrics`, as host:port. */
  readonly targets: readonly string[];
  /** Text of a file of alert rules. */
  readonly rules: string;
  /** Of scrapes and evaluations, ms. Default 250. */
  readonly intervalMs?: number;
}

/** Starts a Prometheus that scrapes and evaluates often: for tests of dashboards and alerts. */
export async function startPrometheus({
  targets,
  rules,
  intervalMs = 250,
}: PrometheusOptions): Promise<Server> {
  const file = await needBinary('prometheus');
  return startServer({
    name: 'prometheus',
    stopSignal: 'SIGTERM',
    orphanSignal: 'SIGKILL',
    url: (port) => `http://127.0.0.1:${port}`,
    command: async ({ dir, dataDir, port }) => {
      const config = join(dir, 'prometheus.yml');
      await writeFile(join(dir, 'rules.yml'), rules);
      // YAML takes JSON as it is.
      const settings = {
        global: { scrape_interval: `${intervalMs}ms`, evaluation_interval: `${intervalMs}ms` },
        rule_files: ['rules.yml'],
        scrape_configs: [{ job_name: 'tidemark', static_configs: [{ targets }] }],
      };
      await writeFile(config, JSON.stringify(settings));
      return {
        file,
        args: [
          `--config.file=${config}`,
          `--storage.tsdb.path=${dataDir}`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        env: process.env,
      };
    },
    ready: async (port) => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok,
  });
}
