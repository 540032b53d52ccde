import { fileURLToPath } from 'node:url';
import type { OpenMessage, RowSource } from './child.ts';
import type { Environment } from './environment.ts';
import { SubjectProcess } from './subject-process.ts';
import type { SubjectOptions } from './subject.ts';

/** Libraries that users would pick instead; their modules are in `peers/`. */
export const PEERS = [
  'layered-loader',
  'bentocache',
  'cacheable',
  'cache-manager',
  'async-cache-dedupe',
] as const;

const PEERS_DIR = new URL('../peers/', import.meta.url);

export interface Wish {
  /** Null: no Redis. */
  readonly redis: boolean;
  readonly l1: boolean;
  readonly bus: boolean;
  readonly source?: RowSource;
  readonly ttlMs?: number;
  readonly entriesMax?: number;
  readonly tuned?: boolean;
}

/** Starts a process for each subject; those that can't start end the scenario. */
export async function openSubjects(
  environment: Environment,
  names: readonly string[],
  wish: Wish,
): Promise<SubjectProcess[]> {
  const { redis, natsUrl, postgresUrl } = environment;
  const options: SubjectOptions = {
    redisPort: wish.redis ? redis.port : null,
    l1: wish.l1,
    bus: wish.bus,
    entriesMax: wish.entriesMax ?? 20_000,
    ttlMs: wish.ttlMs ?? 600_000,
    coherence: null,
    tuned: wish.tuned ?? false,
  };
  const processes: SubjectProcess[] = [];
  try {
    for (const name of names) {
      const isPeer = (PEERS as readonly string[]).includes(name);
      const message: OpenMessage = {
        name,
        module: isPeer ? fileURLToPath(new URL(`${name}.mjs`, PEERS_DIR)) : null,
        // Its guarantees are on: versions from Postgres, events over NATS.
        options: name.startsWith('tidemark')
          ? { ...options, redisPort: redis.port, coherence: { natsUrl, postgresUrl } }
          : options,
        source: wish.source ?? { kind: 'made-up' },
      };
      processes.push(await SubjectProcess.open(message));
    }
    return processes;
  } catch (error) {
    await closeAll(processes);
    throw error;
  }
}

export async function closeAll(processes: readonly SubjectProcess[]): Promise<void> {
  await Promise.all(processes.map((each) => each.close()));
}
