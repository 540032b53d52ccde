import {
  type Advice,
  advise,
  fitWorkload,
  measureMesh,
  MetricsError,
  readWorkloadFile,
  WorkloadError,
  workload,
} from '@tidemark/advisor';
import { ConfigurationError, type Duration, durationMs } from '@tidemark/core';
import { type AdviseFlags, flagOf, saidFields } from './advise-flags.ts';
import { adviceText, type Measured } from './advise-text.ts';
import { say } from './place-flags.ts';

/** What `advise` does. */
export async function runAdvise(flags: AdviseFlags): Promise<void> {
  const known = {
    ...(flags.workload === undefined ? {} : await readWorkloadFile(flags.workload, flags.cluster)),
    ...saidFields({ ...flags }),
  };
  if (flags.workload === undefined && flags.cluster !== undefined)
    throw new WorkloadError('--cluster', 'is a row of a table: give the table with --workload');
  if (flags.prometheus === undefined) {
    if (flags.keyspace !== undefined)
      throw new WorkloadError('--keyspace', 'is one of those that were measured: give --prometheus');
    show(flags, advise(workload(known, flags.workload === undefined ? flagOf : String)), null);
    return;
  }
  await adviseMeasured(flags, flags.prometheus, known);
}

async function adviseMeasured(
  flags: AdviseFlags,
  url: string,
  known: Readonly<Record<string, unknown>>,
): Promise<void> {
  const windowMs = durationMs(flags.window as Duration, '--window');
  const timeoutMs = durationMs(flags.timeout as Duration, '--timeout');
  if (windowMs < 1_000) throw new ConfigurationError('--window must be at least 1s');
  if (timeoutMs < 1) throw new ConfigurationError('--timeout must be at least 1ms');
  const mesh = await measureMesh({ url, timeoutMs }, windowMs / 1_000);
  const chosen = mesh.keyspaces.filter(
    ({ keyspace }) => flags.keyspace === undefined || keyspace === flags.keyspace,
  );
  if (chosen.length === 0) {
    const names = mesh.keyspaces.map(({ keyspace }) => keyspace).join(', ');
    throw new MetricsError(
      `nobody read keyspace ${flags.keyspace!} in the last ${flags.window}, only ${names}`,
    );
  }
  for (const keyspace of chosen) {
    const { work, notes } = fitWorkload(mesh, keyspace, known, flagOf);
    show(flags, advise(work), { keyspace, notes });
  }
}

function show(flags: AdviseFlags, advice: Advice, measured: Measured | null): void {
  const data = measured ? { ...advice, measured: { ...measured.keyspace, notes: measured.notes } } : advice;
  say(flags, data, `${adviceText(advice, measured)}\n`);
}
