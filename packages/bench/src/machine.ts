import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';

/** What the figures were measured on. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly redis: string;
  readonly nats: string;
  readonly postgres: string;
}

export async function describeMachine(): Promise<Machine> {
  const [first] = cpus();
  const [redis, nats, postgres] = await Promise.all([
    versionOf('redis-server', ['--version']),
    versionOf('nats-server', ['--version']),
    versionOf('psql', ['--version']),
  ]);
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version.slice(1),
    redis,
    nats,
    postgres,
  };
}

async function versionOf(command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args);
    return /\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0] ?? 'unknown';
  } catch {
    return 'not found';
  }
}
