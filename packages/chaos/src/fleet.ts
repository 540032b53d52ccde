import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchProcess } from '@tidemark/testbed';
import type { Rule } from './break-rules.ts';
import type { ChildSettings, FromChild, TierEntry, ToChild } from './child-messages.ts';
import { machineMs } from './clock.ts';
import type { Random } from './random.ts';
import type { Topology } from './topology.ts';

export const NODES_PER_REGION = 2;
const ANSWER_MAX_MS = 45_000;

export interface FleetOptions {
  readonly dir: string;
  readonly keys: number;
  readonly rate: number;
  readonly broken: Rule | null;
  readonly random: Random;
}

interface Totals {
  reads: number;
  writes: number;
  refused: number;
}

/** One place for a process; processes that die there are followed by others with another name. */
export class Member {
  readonly region: string;
  readonly kind: 'node' | 'sql';
  readonly label: string;
  readonly roles = new Set<'relay' | 'applier'>();
  /** Of this place's earlier processes, and of the one that runs. */
  readonly past: Totals = { reads: 0, writes: 0, refused: 0 };
  current: Totals = { reads: 0, writes: 0, refused: 0 };
  boundMs: number | null = null;
  life = 0;
  child: ChildProcess | null = null;
  /** It may die: a fault, or the end. */
  doomed = false;

  constructor(region: string, kind: 'node' | 'sql', label: string) {
    this.region = region;
    this.kind = kind;
    this.label = label;
  }

  /** The name of the process that runs, as in the history. */
  get process(): string {
    return `${this.label}#${this.life}`;
  }

  send(message: ToChild): void {
    if (this.child?.connected) this.child.send(message, () => {});
  }

  /** The next message of one kind of the process that runs; rejects when it dies or takes too long. */
  heard<K extends FromChild['told']>(told: K): Promise<Extract<FromChild, { told: K }>> {
    const { process } = this;
    const child = this.child!;
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const onMessage = (message: FromChild): void => {
        if (message.told !== told) return;
        done();
        resolve(message as Extract<FromChild, { told: K }>);
      };
      const fail = (why: string): void => {
        done();
        reject(new Error(`${process} ${why}`));
      };
      const onExit = (): void => fail(`died before it said ${told}`);
      const timer = setTimeout(fail, ANSWER_MAX_MS, `did not say ${told} within ${ANSWER_MAX_MS} ms`);
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  }
}

/** All processes of a run. */
export class Fleet {
  readonly members: readonly Member[];
  /** Processes that died though no fault touched them, and their last words. */
  readonly died: {
    readonly process: string;
    readonly region: string;
    readonly atMs: number;
    readonly words: string;
  }[] = [];
  readonly #topology: Topology;
  readonly #options: FleetOptions;
  #begun = false;

  constructor(topology: Topology, options: FleetOptions) {
    this.#topology = topology;
    this.#options = options;
    this.members = topology.regions.flatMap((region) => [
      ...Array.from({ length: NODES_PER_REGION }, (_, i) => new Member(region, 'node', `${region}-${i + 1}`)),
      new Member(region, 'sql', `${region}-sql`),
    ]);
  }

  get nodes(): readonly Member[] {
    return this.members.filter(({ kind }) => kind === 'node');
  }

  node(region: string, number: number): Member {
    return this.members.find(({ label }) => label === `${region}-${number}`)!;
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => this.spawn(member)));
  }

  begin(): void {
    this.#begun = true;
    for (const member of this.members) member.send({ tell: 'begin' });
  }

  /** A new process in the place; resolves when it is ready, and at work when the others are. */
  async spawn(member: Member): Promise<void> {
    const { dir, keys, rate, broken, random } = this.#options;
    const { region, kind, label } = member;
    member.life += 1;
    member.roles.clear();
    for (const name of ['reads', 'writes', 'refused'] as const) member.past[name] += member.current[name];
    member.current = { reads: 0, writes: 0, refused: 0 };
    const settings: ChildSettings = {
      process: member.process,
      region,
      seed: random.integer(0, 2 ** 31 - 1),
      keys,
      rate,
      broken,
      history: join(dir, `${label}-${member.life}.jsonl`),
      ...this.#topology.addresses(region),
    };
    const words = join(dir, `${label}-${member.life}.log`);
    const log = openSync(words, 'a');
    const fromSource = import.meta.url.endsWith('.ts');
    const script = fileURLToPath(new URL(`./${kind}-process.${fromSource ? 'ts' : 'js'}`, import.meta.url));
    const child = fork(script, [], {
      env: { ...process.env, TIDEMARK_CHAOS: JSON.stringify(settings) },
      execArgv: fromSource ? ['--import', 'tsx', '--conditions=@tidemark/source'] : [],
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const unwatch = watchProcess(child.pid!);
    member.child = child;
    member.doomed = false;
    child.on('message', (message: FromChild) => this.#onMessage(member, child, message));
    child.once('exit', () => {
      unwatch();
      if (!member.doomed && member.child === child)
        this.died.push({ process: settings.process, region, atMs: machineMs(), words: lastWords(words) });
      if (member.child === child) member.child = null;
    });
    await member.heard('ready');
    if (this.#begun) member.send({ tell: 'begin' });
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(member: Member): Promise<void> {
    const { child } = member;
    member.doomed = true;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async quiet(): Promise<void> {
    this.#begun = false;
    await Promise.all(
      this.members.map(async (member) => {
        if (!member.child) return;
        const quiet = member.heard('quiet');
        member.send({ tell: 'quiet' });
        await quiet;
      }),
    );
  }

  /** What each node's tiers would serve; null while a node can't tell. */
  async entries(withReads: boolean): Promise<Map<Member, readonly TierEntry[]> | null> {
    // One that died by itself is told of in the end.
    if (this.nodes.some(({ child }) => child === null)) return null;
    const answers = await Promise.all(
      this.nodes.map(async (member) => {
        const heard = member.heard('entries');
        member.send({ tell: 'entries', withReads });
        return [member, await heard] as const;
      }),
    );
    if (answers.some(([, { failed }]) => failed !== null)) return null;
    return new Map(answers.map(([member, { entries }]) => [member, entries]));
  }

  totals(): Totals {
    const sum = (name: keyof Totals): number =>
      this.members.reduce((total, { past, current }) => total + past[name] + current[name], 0);
    return { reads: sum('reads'), writes: sum('writes'), refused: sum('refused') };
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => this.kill(member)));
  }

  #onMessage(member: Member, child: ChildProcess, message: FromChild): void {
    if (member.child !== child) return;
    if (message.told === 'role') {
      if (message.leading) member.roles.add(message.role);
      else member.roles.delete(message.role);
    }
    if (message.told === 'counts') {
      member.current = message;
      member.boundMs = message.boundMs;
    }
    if (message.told === 'session') {
      const others = this.nodes.filter((other) => other !== member);
      const { id, token } = message;
      this.#options.random.pick(others).send({ tell: 'session', id, token });
    }
  }
}

function lastWords(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
