import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { ensureBuild } from '../../testbed/bin/bootstrap.mjs';
import type { Addresses } from './regions-harness.ts';

const WAIT = { timeout: 60_000, interval: 20 };
/** The command as it is built: from its sources each process would compile first. */
export const CLI = fileURLToPath(new URL('../../cli/bin/tidemark.mjs', import.meta.url));

let building: Promise<void> | null = null;

/** Resolves when the command is built: at once, when it was. */
function built(): Promise<void> {
  return (building ??= ensureBuild());
}

export interface AgentEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The `tidemark` command as a process of its own. */
export interface RunningAgent {
  readonly child: ChildProcess;
  /** Lines of its output so far. */
  readonly lines: readonly string[];
  /** The same, of an agent with `--json`. */
  readonly events: () => readonly AgentEvent[];
  /** Roles that it has now. */
  readonly roles: () => readonly string[];
  /** Resolves with the exit code, or the signal that killed it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | string | null>;
}

/** Agents of one source, and the region files that tell them where their servers are. */
export class Agents {
  readonly #dir: string;
  readonly #started: ChildProcess[] = [];

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async inTempDir(): Promise<Agents> {
    await built();
    return new Agents(await mkdtemp(join(tmpdir(), 'tidemark-cli-')));
  }

  /** Writes region files for `us` and `eu`, and returns the arguments that choose one of them. */
  async place(region: string, files: Readonly<Record<'us' | 'eu', Addresses>>): Promise<string[]> {
    const dir = await mkdtemp(join(this.#dir, 'regions-'));
    for (const [id, peer] of [
      ['us', 'eu'],
      ['eu', 'us'],
    ] as const) {
      const { redis, nats, postgres } = files[id];
      const role = id === 'us' ? 'home' : 'replica';
      const peers = [{ id: peer, roundTripMs: 0 }];
      const file = { id, role, endpoints: { redis, nats: nats[id], postgres }, peers };
      await writeFile(join(dir, `${id}.json`), JSON.stringify(file));
    }
    return ['--regions', dir, '--region', region, '--source', 'test', '--namespace', 'tidemark'];
  }

  start(...args: string[]): RunningAgent {
    const child = spawn(process.execPath, [CLI, 'agent', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#started.push(child);
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => void lines.push(line));
    const events = (): AgentEvent[] => lines.map((line) => JSON.parse(line) as AgentEvent);
    return {
      child,
      lines,
      events,
      roles: () => {
        const roles = new Set<string>();
        for (const { type, role, leading } of events()) {
          if (type === 'role') roles[leading === true ? 'add' : 'delete'](String(role));
        }
        return [...roles].toSorted();
      },
      end: async (signal) => {
        const exited = once(child, 'close') as Promise<[number | null, string | null]>;
        child.kill(signal);
        const [code, killer] = await exited;
        return code ?? killer;
      },
    };
  }

  /** Starts one with `--json`, and waits until it is ready. */
  async ready(...args: string[]): Promise<RunningAgent> {
    const agent = this.start(...args, '--json');
    await vi.waitFor(() => expect(agent.events().map(({ type }) => type)).toContain('ready'), WAIT);
    return agent;
  }

  kill(): void {
    for (const child of this.#started.splice(0)) child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.kill();
    await rm(this.#dir, { recursive: true });
  }
}

/** A command that does not end by itself is ended after this, ms: it must not outlive its test. */
const COMMAND_MAX_MS = 120_000;

/** Runs a command to its end. */
export async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  await built();
  return new Promise((resolve) => {
    const limit = { timeout: COMMAND_MAX_MS, killSignal: 'SIGKILL' } as const;
    execFile(process.execPath, [CLI, ...args], limit, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}
