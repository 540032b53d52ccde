import * as fc from 'fast-check';
import type { HistoryLine, ReadLine, Value, WriteLine } from '../src/index.ts';
import { RUN } from './lines.ts';

export const KEYS = ['item:1', 'item:2', 'a b'] as const;
export const REGIONS = ['eu', 'us'] as const;
const SETTINGS = '*';

/** One step of a run; small numbers choose. */
const step = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('read' as const) },
    { weight: 4, arbitrary: fc.constant('write' as const) },
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        'remove',
        'settings',
        'lost-write',
        'lease',
        'lease-end',
        'told',
        'served',
        'level',
        'view',
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom('restore', 'reset', 'away', 'size') },
  ),
  key: fc.constantFrom(...KEYS),
  region: fc.constantFrom(...REGIONS),
  process: fc.integer({ min: 1, max: 2 }),
  session: fc.option(fc.constantFrom('s1', 's2'), { nil: undefined }),
  level: fc.constantFrom('eventual', 'bounded', 'session', 'latest'),
  tier: fc.constantFrom('l1', 'l2', 'source', undefined),
  /** Since the step before. */
  gapMs: fc.integer({ min: 0, max: 20 }),
  /** How long it takes. */
  spanMs: fc.integer({ min: 0, max: 30 }),
  /** How far behind an answer is, where it may be. */
  lagMs: fc.integer({ min: 0, max: 200 }),
  heads: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Legal histories: what a model says that does one thing after the other, with real times around them. */
export const legalHistory = fc
  .record({
    steps: fc.array(step, { minLength: 1, maxLength: 120 }),
    calm: fc.boolean(),
  })
  .map(({ steps, calm }) => new Model().run(calm ? steps.filter(({ kind }) => !ROUGH.has(kind)) : steps));

/** With these, much is allowed. */
const ROUGH = new Set<Step['kind']>(['restore', 'reset', 'away', 'lost-write']);

type Unfinished<Line> = Omit<Line, 'endMs' | 'outcome'>;

interface State {
  readonly counter: number;
  readonly write: string;
  readonly absent: boolean;
}

/** From when on a place owes the state of at least that moment. */
interface Floor {
  readonly name: string;
  readonly beganMs: number;
  readonly endMs: number;
  readonly ofMs: number;
}

/**
 * Every answer shows the source as it was at one moment. How long ago that may be is all that the promises say: a
 * bound; not before what the session, the writer, or the store knew.
 */
class Model {
  readonly #lines: HistoryLine[] = [RUN];
  /** What each key was, from when on. */
  readonly #past = new Map<string, { readonly atMs: number; readonly state: State | null }[]>();
  readonly #timelines = new Map<string, State[]>();
  readonly #floors: Floor[] = [];
  readonly #resets: { readonly region: string; readonly startMs: number; readonly endMs: number }[] = [];
  readonly #eras = [{ era: 1, atMs: Number.NEGATIVE_INFINITY }];
  readonly #sessionEndMs = new Map<string, number>();
  readonly #leases = new Map<string, { readonly token: string; readonly untilMs: number }>();
  readonly #told = new Map<string, { readonly n: number; readonly atMs: number }[]>();
  readonly #levels = new Map<string, number>();
  #nowMs = 100;
  #number = 0;

  run(steps: readonly Step[]): HistoryLine[] {
    // Nobody began them: they were there before the run. The last key was not.
    for (const key of [...KEYS.slice(0, -1), SETTINGS]) this.#commit(key, false, Number.NEGATIVE_INFINITY);
    for (const each of steps) {
      this.#nowMs += each.gapMs;
      this.#do(each);
    }
    this.#nowMs += 1_000;
    for (const region of REGIONS) {
      for (const key of KEYS) {
        const value = this.#valueAt(key, this.#nowMs);
        const process = `${region}-1#1`;
        for (const tier of ['l1', 'read'] as const)
          this.#lines.push({ type: 'final', region, process, tier, key, value });
      }
    }
    return this.#lines;
  }

  #do(now: Step): void {
    const { kind, key, region, heads, spanMs } = now;
    const atMs = this.#nowMs;
    const at = { region, key, process: `${region}-${now.process}#1` };
    const place = `${region} ${key}`;
    const store = `${region}/${this.#resets.filter((reset) => reset.region === region).length}`;
    switch (kind) {
      case 'read':
        return this.#read(now);
      case 'write':
      case 'remove':
      case 'settings':
        return this.#write(now);
      case 'lost-write': {
        const intent = { ...at, startMs: atMs, write: `w${(this.#number += 1)}`, kind };
        this.#lines.push({ type: 'intent', ...intent });
        return this.#fail({ type: 'write', ...intent, via: 'node' }, atMs + spanMs);
      }
      case 'away':
        return this.#fail({ type: 'read', ...at, level: 'eventual', startMs: atMs }, atMs + spanMs);
      case 'restore':
        return this.#restore(atMs - now.lagMs);
      case 'reset': {
        const endMs = atMs + spanMs;
        this.#resets.push({ region, startMs: atMs, endMs });
        for (const name of this.#leases.keys()) if (name.startsWith(`${region} `)) this.#leases.delete(name);
        const which = heads ? { rolledBack: region } : { emptied: region };
        this.#lines.push({ type: 'fault', kind, target: region, startMs: atMs, endMs, ...which });
        // It is over before anything else happens.
        this.#nowMs = endMs;
        return;
      }
      case 'lease': {
        const held = this.#leases.get(place);
        if (held && held.untilMs > atMs) return;
        const token = `t${(this.#number += 1)}`;
        const untilMs = atMs + spanMs;
        this.#leases.set(place, { token, untilMs });
        this.#lines.push({ type: 'lease', ...at, token, atMs, untilMs });
        if (heads)
          this.#lines.push({
            type: 'load',
            ...at,
            startMs: atMs,
            endMs: atMs + 5,
            lease: token,
            replica: true,
          });
        this.#lines.push({ type: 'load', ...at, startMs: atMs + 5, endMs: atMs + 9, lease: token });
        return;
      }
      case 'lease-end': {
        const held = this.#leases.get(place);
        if (!held) return;
        this.#leases.delete(place);
        this.#lines.push({ type: 'lease-end', region, key, token: held.token, atMs });
        return;
      }
      case 'told': {
        const n = Math.max(0, (this.#number += 1) - (heads ? 0 : 5));
        const name = `${store} ${key}`;
        this.#told.set(name, [...(this.#told.get(name) ?? []), { n, atMs }]);
        this.#lines.push({ type: 'told', ...at, store, version: `1.${n}`, atMs });
        return;
      }
      case 'served': {
        const known = (this.#told.get(`${store} ${key}`) ?? []).filter((each) => each.atMs < atMs);
        const n = Math.max(0, ...known.map((each) => each.n)) + (heads ? 1 : 0);
        this.#lines.push({ type: 'served', ...at, store, version: `1.${n}`, atMs });
        return;
      }
      case 'level': {
        const value = (this.#levels.get(store) ?? 0) + (heads ? 1 : 0);
        this.#levels.set(store, value);
        this.#lines.push({ type: 'level', region, store, what: 'horizon', value: `1.${value}`, atMs });
        return;
      }
      case 'view': {
        const members = ['g1', 'g1'];
        this.#lines.push({ type: 'view', ...at, startMs: atMs, endMs: atMs + spanMs, members });
        return;
      }
      case 'size': {
        this.#lines.push({
          type: 'size',
          region,
          process: at.process,
          what: 'L1',
          count: 7 + (heads ? 1 : 0),
          max: 8,
          atMs,
        });
        return;
      }
    }
  }

  #read({ key, region, process: number, session: named, level, tier, spanMs, lagMs, heads }: Step): void {
    const endMs = this.#nowMs;
    const process = `${region}-${number}#1`;
    const session = level === 'session' ? (named ?? 's1') : undefined;
    const busyMs = session ? (this.#sessionEndMs.get(session) ?? 0) : 0;
    if (busyMs > endMs) return;
    const startMs = Math.max(endMs - spanMs, busyMs);
    const boundMs = level === 'bounded' ? (heads ? 20 : 100) : undefined;
    const owed = [`${process} ${key}`, `${process} ${SETTINGS}`];
    const own = [`by ${region} ${key}`];
    if (tier === 'l2') owed.push(`${region} ${key}`, `${region} ${SETTINGS}`, ...own);
    const resets = this.#resets.filter((reset) => reset.region === region && reset.startMs < endMs);
    const ofMs = Math.max(
      endMs - lagMs,
      level === 'latest' ? startMs : 0,
      boundMs === undefined ? 0 : startMs - boundMs,
      ...this.#floors
        .filter((floor) => owed.includes(floor.name) && floor.endMs < startMs)
        .filter(({ beganMs }) => resets.every((reset) => reset.endMs <= beganMs))
        .map((floor) => floor.ofMs),
      ...this.#floors
        .filter(({ name }) => session && name === `${session} ${key}`)
        .map((floor) => floor.ofMs),
    );
    const value = this.#valueAt(key, ofMs);
    const eraOf = this.#eras.findLast(({ atMs }) => atMs <= ofMs)!.era;
    this.#lines.push({
      type: 'read',
      process,
      region,
      key,
      level,
      ...(boundMs !== undefined && { boundMs }),
      ...(session && { session }),
      startMs,
      endMs,
      outcome: 'ok',
      value,
      ...(tier && { tier, version: value && `${eraOf}.${value.counter}` }),
    });
    const floor = { beganMs: startMs, endMs, ofMs };
    if (tier === 'l2') this.#floors.push({ name: own[0]!, ...floor });
    if (!session) return;
    this.#floors.push({ name: `${session} ${key}`, ...floor });
    this.#sessionEndMs.set(session, endMs);
  }

  #write({ kind, key: named, region, process: number, session: asked, spanMs, lagMs, heads }: Step): void {
    const key = kind === 'settings' ? SETTINGS : named;
    const absent = kind === 'remove';
    if (absent && (this.#timelines.get(key)?.at(-1)?.absent ?? true)) return;
    const process = `${region}-${number}#1`;
    const atMs = this.#nowMs;
    const session =
      kind === 'settings' || (this.#sessionEndMs.get(asked ?? '') ?? 0) > atMs ? undefined : asked;
    const startMs = Math.max(atMs - spanMs, this.#sessionEndMs.get(session ?? '') ?? 0);
    const endMs = atMs + (lagMs % 40);
    const write = this.#commit(key, absent);
    const intent = { process, region, startMs, write, key, kind };
    this.#lines.push({ type: 'intent', ...intent });
    const outcome = lagMs < 10 ? 'error' : 'ok';
    if (outcome === 'error') return this.#fail({ type: 'write', ...intent, via: 'node' }, endMs);
    this.#lines.push({
      type: 'write',
      ...intent,
      via: 'node',
      ...(session && { session }),
      endMs,
      outcome,
      storeTold: heads,
    });
    const floor = { beganMs: startMs, endMs, ofMs: atMs };
    this.#floors.push({ name: `${process} ${key}`, ...floor });
    if (heads) this.#floors.push({ name: `${region} ${key}`, ...floor });
    if (!session) return;
    this.#floors.push({ name: `${session} ${key}`, ...floor });
    this.#sessionEndMs.set(session, endMs);
  }

  /** An operation that fails while the source is away. */
  #fail(line: Unfinished<ReadLine> | Unfinished<WriteLine>, endMs: number): void {
    this.#lines.push({ ...line, endMs, outcome: 'error', code: 'E' });
    const { startMs } = line;
    this.#lines.push({ type: 'fault', kind: 'away', target: '', startMs, endMs, sourceAway: 'all' });
  }

  #commit(key: string, absent: boolean, atMs = this.#nowMs): string {
    const line = this.#timelines.get(key) ?? [];
    const write = `w${(this.#number += 1)}`;
    const state = { counter: line.length + 1, write, absent };
    this.#timelines.set(key, [...line, state]);
    this.#becomes(key, state, atMs);
    this.#lines.push({ type: 'commit', key, ...state, era: this.#eras.at(-1)!.era });
    return write;
  }

  /** Goes back to what was at `backMs`, but not beyond the restore before. */
  #restore(backMs: number): void {
    const { era, atMs } = this.#eras.at(-1)!;
    // Nothing else happens at its instant, or who could say what came first.
    this.#nowMs += 1;
    const kept: Record<string, number> = {};
    for (const [key, line] of this.#timelines) {
      const counter = this.#stateAt(key, Math.max(backMs, atMs))?.counter ?? 0;
      kept[key] = counter;
      this.#timelines.set(key, line.slice(0, counter));
      this.#becomes(key, line[counter - 1] ?? null);
    }
    this.#eras.push({ era: era + 1, atMs: this.#nowMs });
    this.#lines.push({ type: 'restore', atMs: this.#nowMs, era: era + 1, kept });
    this.#nowMs += 1;
  }

  #becomes(key: string, state: State | null, atMs = this.#nowMs): void {
    const past = this.#past.get(key) ?? [];
    this.#past.set(key, [...past, { atMs, state }]);
  }

  #stateAt(key: string, atMs: number): State | null {
    return this.#past.get(key)?.findLast((each) => each.atMs <= atMs)?.state ?? null;
  }

  #valueAt(key: string, atMs: number): ReadLine['value'] & (Value | null) {
    const state = this.#stateAt(key, atMs);
    const settings = this.#stateAt(SETTINGS, atMs)?.counter ?? 0;
    return !state || state.absent ? null : { counter: state.counter, write: state.write, settings };
  }
}
