import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type Consistency, type Session, type SqlExecutor, type TidemarkNode } from '@tidemark/core';
import { type ReadLine, SETTINGS_KEY, type WriteLine } from '@tidemark/checkers';
import { machineMs } from './clock.ts';
import type { ChildSettings } from './child-messages.ts';
import { items, keyOf } from './items.ts';
import { type Random, seededRandom } from './random.ts';
import type { Recorder } from './recorder.ts';

const READERS = 12;
const WRITERS = 2;
/** Writes per read. */
const WRITE_SHARE = 0.1;
const BOUNDS_MS = [500, 2_000, 5_000] as const;
const MANY_MAX = 12;
/** An operation that takes this long is given up by its caller, and counts as hung. */
const HUNG_MS = 30_000;
/** Session tokens that wait for their next turn; older ones are dropped. */
const TOKENS_MAX = 16;

type Node = TidemarkNode<SqlExecutor>;
type Level = Pick<ReadLine, 'level' | 'boundMs' | 'whenUnproven' | 'session'>;

/** What the own region's store was told: whether it took version `n` of a key, or a later one. */
export interface StoreWord {
  told(key: string, n: number): boolean;
}

/** What one node process does all the time, and writes down. */
export class NodeWorkload {
  readonly counts = { reads: 0, writes: 0, refused: 0 };
  readonly #node: Node;
  readonly #settings: ChildSettings;
  readonly #recorder: Recorder;
  readonly #store: StoreWord;
  readonly #pass: (id: string, token: string) => void;
  readonly #random: Random;
  readonly #tokens: { readonly id: string; readonly token: string }[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void>[] = [];
  #writeNumber = 0;
  #sessionNumber = 0;

  constructor(
    node: Node,
    settings: ChildSettings,
    recorder: Recorder,
    store: StoreWord,
    pass: (id: string, token: string) => void,
  ) {
    this.#node = node;
    this.#settings = settings;
    this.#recorder = recorder;
    this.#store = store;
    this.#pass = pass;
    this.#random = seededRandom(settings.seed);
  }

  start(): void {
    const { rate } = this.#settings;
    const readPauseMs = (1_000 * READERS) / rate;
    const writePauseMs = (1_000 * WRITERS) / (rate * WRITE_SHARE);
    for (let i = 0; i < READERS; i += 1) this.#running.push(this.#loop(readPauseMs, () => this.#readSome()));
    for (let i = 0; i < WRITERS; i += 1)
      this.#running.push(this.#loop(writePauseMs, () => this.#writeSome()));
    this.#running.push(this.#loop(readPauseMs * 2, () => this.#sessionTurn()));
  }

  /** A session that another process hands on. */
  take(id: string, token: string): void {
    this.#tokens.push({ id, token });
    if (this.#tokens.length > TOKENS_MAX) this.#tokens.shift();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #loop(pauseMs: number, step: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await step();
      // Without the signal as an argument: dozens of listeners on it would be warned about.
      await sleep(Math.min(pauseMs, 2_000) * (0.5 + this.#random.unit()));
    }
  }

  /** Some keys are much hotter than others. */
  #anyId(): number {
    return 1 + Math.floor(this.#settings.keys * this.#random.unit() ** 2.5);
  }

  #readSome(): Promise<unknown> {
    const dice = this.#random.unit();
    if (dice < 0.05) return this.#readMany({ level: 'eventual' }, 'eventual');
    if (dice < 0.5) return this.#read(this.#anyId(), { level: 'eventual' }, 'eventual');
    if (dice < 0.55) return this.#read(this.#anyId(), { level: 'latest' }, 'latest');
    const boundMs = this.#random.pick(BOUNDS_MS);
    const whenUnproven = this.#random.unit() < 0.3 ? 'fail' : 'bypass';
    const level: Level = { level: 'bounded', boundMs, whenUnproven };
    const consistency = bounded(boundMs, { whenUnproven });
    return dice < 0.6 ? this.#readMany(level, consistency) : this.#read(this.#anyId(), level, consistency);
  }

  async #read(id: number, level: Level, consistency: Consistency): Promise<void> {
    const line = { ...this.#begin(), type: 'read', key: keyOf(id), ...level } as const;
    const ended = await settle(this.#node.read(items, { id }, { consistency }));
    this.counts.reads += 1;
    if (ended.outcome === 'ok') {
      const { value, version, tier, stalenessBoundMs, why } = ended.result;
      this.#recorder.write({
        ...line,
        endMs: machineMs(),
        outcome: 'ok',
        value,
        version: version && `${version.era}.${version.n}`,
        tier,
        claimedBoundMs: Number.isFinite(stalenessBoundMs) ? stalenessBoundMs : null,
        why,
      });
      return;
    }
    this.counts.refused += 1;
    this.#recorder.write({ ...line, endMs: machineMs(), outcome: ended.outcome, code: ended.code });
  }

  async #readMany(level: Level, consistency: Consistency): Promise<void> {
    const ids = [...new Set(Array.from({ length: this.#random.integer(2, MANY_MAX) }, () => this.#anyId()))];
    const begun = { ...this.#begin(), type: 'read', ...level } as const;
    const ended = await settle(
      this.#node.getMany(
        items,
        ids.map((id) => ({ id })),
        { consistency },
      ),
    );
    const endMs = machineMs();
    this.counts.reads += ids.length;
    if (ended.outcome !== 'ok') this.counts.refused += ids.length;
    for (const [i, id] of ids.entries()) {
      const line = { ...begun, key: keyOf(id), endMs };
      const { outcome } = ended;
      if (outcome === 'ok') this.#recorder.write({ ...line, outcome, value: ended.result[i] ?? null });
      else this.#recorder.write({ ...line, outcome, code: ended.code });
    }
  }

  #writeSome(): Promise<void> {
    const dice = this.#random.unit();
    const id = this.#anyId();
    if (dice < 0.03) return this.#write('settings', SETTINGS_KEY, null);
    return this.#write(dice < 0.15 ? 'remove' : 'put', keyOf(id), id);
  }

  async #write(
    kind: string,
    key: string,
    id: number | null,
    session?: Session,
    name?: string,
  ): Promise<void> {
    const write = `${this.#settings.process}/${(this.#writeNumber += 1)}`;
    const begun = this.#begin();
    this.#recorder.write({ ...begun, type: 'intent', write, key, kind });
    const ended = await settle(
      this.#node.write(
        async (tx) => {
          if (id === null) {
            await tx.one('select chaos_settings_change($1)', [write]);
            tx.bumpAll(items);
            return;
          }
          await tx.one(`select chaos_${kind}($1, $2)`, [id, write]);
          // What the trigger does anyhow; both together must be as good as one.
          if (id % 2 === 0) tx.bump(items, { id });
        },
        session ? { session } : {},
      ),
    );
    this.counts.writes += 1;
    const line: Omit<WriteLine, 'outcome'> = {
      ...begun,
      type: 'write',
      write,
      key,
      kind,
      via: 'node',
      endMs: machineMs(),
      ...(name !== undefined && { session: name }),
    };
    if (ended.outcome === 'ok') {
      const versions = ended.result.invalidations.map(
        (each) => `${each.key}@${each.version.era}.${each.version.n}`,
      );
      const storeTold = ended.result.invalidations.every((each) =>
        this.#store.told(each.key, each.version.n),
      );
      this.#recorder.write({ ...line, outcome: 'ok', versions, storeTold });
    } else {
      this.counts.refused += 1;
      this.#recorder.write({ ...line, outcome: ended.outcome, code: ended.code });
    }
  }

  /** A session does a few things here and goes on elsewhere. */
  async #sessionTurn(): Promise<void> {
    const held = this.#tokens.shift();
    const id = held?.id ?? `${this.#settings.process}/s${(this.#sessionNumber += 1)}`;
    const session = this.#node.session(held?.token);
    const level: Level = { level: 'session', session: id };
    const own = [this.#anyId(), this.#anyId()];
    if (this.#random.unit() < WRITE_SHARE * 2) {
      await this.#write('put', keyOf(own[0]!), own[0]!, session, id);
    }
    for (const each of [...own, this.#random.integer(1, 8)]) await this.#read(each, level, session);
    if (session.knows) this.#pass(id, session.token());
  }

  #begin(): { readonly process: string; readonly region: string; readonly startMs: number } {
    const { process, region } = this.#settings;
    return { process, region, startMs: machineMs() };
  }
}

type Ended<T> =
  | { readonly outcome: 'ok'; readonly result: T }
  | { readonly outcome: 'error' | 'hung'; readonly code: string };

/** How an operation ended; never rejects, never waits for ever. */
export async function settle<T>(operation: Promise<T>): Promise<Ended<T>> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<Ended<T>>((resolve) => {
    timer = setTimeout(resolve, HUNG_MS, { outcome: 'hung', code: 'hung' });
  });
  const done = operation.then(
    (result): Ended<T> => ({ outcome: 'ok', result }),
    (error: unknown): Ended<T> => ({ outcome: 'error', code: codeOf(error) }),
  );
  const ended = await Promise.race([done, hung]);
  clearTimeout(timer);
  return ended;
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : String(error).slice(0, 120);
}
