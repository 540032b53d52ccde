import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonCodec, keyspaceOf } from '@tidemark/core';
import { type Mesh, openMesh } from '@tidemark/inspect';
import type { RegionSet } from '@tidemark/regions';
import { Verifier, type VerifierFinding, type VerifierReport } from '@tidemark/verifier';
import { items } from './items.ts';
import type { Topology } from './topology.ts';

const ANSWER_MS = 1_000;
/** Kept of a run's findings; all are counted. */
const FINDINGS_MAX = 50;

/** What a verifier beside the run saw. */
export interface Besides {
  readonly report: VerifierReport;
  readonly findings: readonly VerifierFinding[];
}

/** A verifier beside the faults: it reaches every server by a way of its own, and knows nothing of the plan. */
export class Beside {
  readonly #mesh: Mesh;
  readonly #verifier: Verifier;
  readonly #findings: VerifierFinding[];

  private constructor(mesh: Mesh, verifier: Verifier, findings: VerifierFinding[]) {
    this.#mesh = mesh;
    this.#verifier = verifier;
    this.#findings = findings;
  }

  static async start(
    topology: Topology,
    set: RegionSet,
    dir: string,
    agesMs: readonly number[],
  ): Promise<Beside> {
    const regions = join(dir, 'regions');
    await mkdir(regions, { recursive: true });
    for (const { id, role, peers } of set.regions) {
      const { redis, nats } = topology.servers.get(id)!;
      const endpoints = { redis: redis.url, nats: nats.url, postgres: topology.adminUrl };
      await writeFile(join(regions, `${id}.json`), JSON.stringify({ id, role, endpoints, peers }));
    }
    const mesh = await openMesh({
      dir: regions,
      source: 'chaos',
      namespace: 'tidemark',
      answerMs: ANSWER_MS,
    });
    const findings: VerifierFinding[] = [];
    const verifier = new Verifier({
      mesh,
      contents: {
        keyspaceOf: (key) => (keyspaceOf(key) === items.name ? items : undefined),
        codec: jsonCodec,
      },
      agesMs,
      rate: 2_000,
      loadsPerSecond: 50,
      onFinding: (finding) => {
        if (findings.length < FINDINGS_MAX) findings.push(finding);
      },
    });
    await verifier.start();
    return new Beside(mesh, verifier, findings);
  }

  async stop(): Promise<Besides> {
    await this.#verifier.stop();
    await this.#mesh.close();
    return { report: this.#verifier.report(), findings: this.#findings };
  }
}

/** A finding on a few lines, with the end of its key's history. */
export function describeFinding({ kind, key, region, tier, node, text, timeline }: VerifierFinding): string {
  const moments = timeline.slice(-12).map((moment) => {
    const { n } = moment.version ?? { n: '-' };
    const who = moment.node === undefined ? '' : ` node ${moment.node}`;
    return `    ${new Date(moment.atMs).toISOString()} ${moment.region ?? 'source'}${who} ${moment.type} ${n} ${moment.outcome ?? ''}`;
  });
  return [`  ${kind} ${key} in ${tier} of ${region} ${node ?? ''}: ${text}`, ...moments, ''].join('\n');
}
