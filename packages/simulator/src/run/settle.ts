import type { FinalLine, Value } from '@tidemark/checkers';
import { isSameValue, type Workload } from './workload.ts';
import { type Released, rowKeyOf, SETTINGS_ROW, valueOf } from './rows.ts';
import type { Running, WatchedStore, World } from './world.ts';

const STEP_MS = 100;
/** A store keeps so many tidemarks for each value that it may keep. */
const RECORDS_PER_ENTRY = 4;
/** Timers, messages and cancelled timeouts of all processes together. */
const EVENTS_MAX = 20_000;
/** Back-offs of roles end within 16 s; several may follow each other. */
const REST_MS_MAX = 90_000;

/**
 * After everything was healed: waits until every copy is right, then reads all. What TTLs would mend does not
 * count, they are long compared with this. Returns what never came to rest, or null.
 */
export async function settle(world: World, workload: Workload): Promise<string | null> {
  const untilMs = world.loop.nowMs + REST_MS_MAX;
  let wrong: string | null = 'nothing was looked at';
  let quietSinceMs = world.loop.nowMs;
  let wasBusy = true;
  while (world.loop.nowMs < untilMs) {
    await world.loop.runUntil(world.loop.nowMs + STEP_MS);
    const isBusy = workload.isBusy || world.source.isBusy;
    // What was busy at the last look may have ended any time since.
    if (isBusy || wasBusy) quietSinceMs = world.loop.nowMs;
    wasBusy = isBusy;
    wrong = await firstWrong(world, quietSinceMs);
    if (wrong === null) break;
  }
  if (wrong !== null) return wrong;
  checkBounds(world);
  const finals: FinalLine[] = [];
  const reads = world.places.map(({ running }) =>
    running ? readAll(world, running, finals) : Promise.resolve(),
  );
  let done = false;
  void Promise.all(reads).then(() => (done = true));
  while (!done && world.loop.nowMs < untilMs) await world.loop.runUntil(world.loop.nowMs + STEP_MS);
  workload.lines.push(...finals);
  if (!done) return 'a read after the heal never came back';
  for (const final of finals) {
    if (!isSameValue(final.value, truth(world, rowKeyOf(final.key))))
      return `${final.process} reads an old ${final.key} after the heal`;
  }
  return null;
}

/** I14: whatever happened, nothing holds more than its limit. */
function checkBounds({ places, stores, plan, judge, loop }: World): void {
  const over = (what: string, count: number, max: number, region: string, process: string): void => {
    if (count <= max) return;
    judge.violated({
      invariant: 'I14',
      key: '*',
      region,
      process,
      what: `${what}: ${count}, at most ${max}`,
    });
  };
  for (const { running, region, name } of places) {
    if (running) over('L1 entries', running.node.stats().l1Entries, plan.knobs.l1EntriesMax, region, name);
  }
  for (const [region, parts] of stores) {
    for (const { server } of parts) {
      over(
        'records',
        server.memory.size,
        RECORDS_PER_ENTRY * plan.knobs.store.entriesMax,
        region,
        server.name,
      );
    }
  }
  over('events under way', loop.waiting, EVENTS_MAX, 'everywhere', 'everybody');
}

/** The first copy, or claim, that is not right; null when all are. */
async function firstWrong(world: World, quietSinceMs: number): Promise<string | null> {
  for (const { name, running } of world.places) {
    if (!running) return `${name} is not running`;
    const closedMs = world.loop.nowMs - running.node.stats().stalenessBoundMs / running.life.clock.rate;
    if (!(closedMs > quietSinceMs)) return `${name} can't prove that it knows everything`;
    for (const [key, value] of running.node.l1Entries()) {
      const held = value as Released | null;
      if (!isSameValue(held, truth(world, rowKeyOf(key)))) return `L1 of ${name} holds an old ${key}`;
      // Members of a group are the same for every release.
      const isRow = rowKeyOf(key).startsWith('row:');
      if (isRow) world.judge.value(running.life, rowKeyOf(key), held, running.release);
    }
  }
  for (const [region, stores] of world.stores) {
    for (const { server } of stores) {
      const wrong = await firstWrongIn(world, server, region);
      if (wrong) return wrong;
    }
  }
  return null;
}

/** The same of one store, as readers of each release see it. */
async function firstWrongIn(
  world: World,
  { memory }: WatchedStore['server'],
  region: string,
): Promise<string | null> {
  const keys: string[] = [];
  for await (const page of memory.keys()) keys.push(...page);
  for (const release of world.plan.releases) {
    const { meta, records, nowMs } = await memory.read(keys, release);
    if (!meta) return `the store of ${region} is empty`;
    if (meta.horizon.era < world.source.database.horizon().era)
      return `the store of ${region} is of an older era`;
    for (const [i, key] of keys.entries()) {
      const record = records[i]!;
      if (!key.startsWith('row:') || !record?.value) continue;
      const { value, tidemark } = record;
      const servable =
        value.version.era === tidemark.era &&
        value.version.n >= tidemark.n &&
        value.version.era >= meta.horizon.era &&
        value.epoch >= meta.epoch &&
        value.scope >= (meta.scopes.get('row') ?? 0) &&
        nowMs < value.filledAtMs + value.freshMs + value.staleMs;
      if (servable && !isSameValue(valueOf(value.data), truth(world, key)))
        return `L2 of ${region} holds an old ${key}`;
    }
  }
  return null;
}

/** Reads everything twice: the second time a cache has to answer. */
async function readAll(
  world: World,
  { node, life, keyspaces, release }: Running,
  finals: FinalLine[],
): Promise<void> {
  for (let row = 0; row < world.plan.rows; row += 1) {
    for (const space of [keyspaces.row, keyspaces.copy]) {
      const read = () => node.read(space, { id: row }).catch(() => null);
      await read();
      const again = (await read()) ?? (await read());
      const key = space.key({ id: row });
      if (!again) continue;
      world.judge.value(life, rowKeyOf(key), again.value, release);
      finals.push({
        type: 'final',
        region: life.region,
        process: life.name,
        tier: 'read',
        key,
        value: again.value,
      });
    }
  }
}

/** What the source says now. */
function truth({ source }: World, key: string): Value | null {
  const row = source.log.last(key);
  if (!row || row.absent) return null;
  return { counter: row.counter, write: row.write, settings: source.log.last(SETTINGS_ROW)?.counter ?? 0 };
}
