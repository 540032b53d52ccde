/** A writer that has never heard of Tidemark: plain SQL on a tracked table. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ChildSettings, FromChild, ToChild } from './child-messages.ts';
import { machineMs } from './clock.ts';
import { keyOf } from './items.ts';
import { settle } from './node-workload.ts';
import { seededRandom } from './random.ts';
import { Recorder } from './recorder.ts';

/** Writes per read of a node. */
const WRITE_SHARE = 0.1;
const WIPES = 0.002;
const REMOVES = 0.15;

const settings = JSON.parse(process.env['TIDEMARK_CHAOS']!) as ChildSettings;
const { region } = settings;
const tell = (message: FromChild): void => void process.send?.(message, () => {});
process.on('disconnect', () => process.exit(1));

const recorder = new Recorder(settings.history);
const random = seededRandom(settings.seed);
const pool = new pg.Pool({
  connectionString: settings.postgres,
  max: 2,
  connectionTimeoutMillis: 2_000,
  query_timeout: 4_000,
});
pool.on('error', () => {}); // An idle connection died; the next query reports it.

let stopping = false;
let number = 0;
let running = Promise.resolve();

async function write(): Promise<void> {
  const dice = random.unit();
  const id = 1 + Math.floor(settings.keys * random.unit() ** 2.5);
  const kind = dice < WIPES ? 'wipe' : dice < WIPES + REMOVES ? 'remove' : 'put';
  const name = `${settings.process}/${(number += 1)}`;
  const key = kind === 'wipe' ? 'all' : keyOf(id);
  const begun = { process: settings.process, region, startMs: machineMs(), write: name, key, kind };
  recorder.write({ ...begun, type: 'intent' });
  // One statement, one round trip: no lock outlives it.
  const ended = await settle(
    kind === 'wipe'
      ? pool.query('select chaos_wipe($1)', [name])
      : pool.query(`select chaos_${kind}($1, $2)`, [id, name]),
  );
  const line = { ...begun, type: 'write', via: 'sql', endMs: machineMs() } as const;
  if (ended.outcome === 'ok') recorder.write({ ...line, outcome: 'ok' });
  else recorder.write({ ...line, outcome: ended.outcome, code: ended.code });
}

async function work(): Promise<void> {
  const pauseMs = 1_000 / (settings.rate * WRITE_SHARE);
  for (let writes = 1; !stopping; writes += 1) {
    await write();
    tell({ told: 'counts', reads: 0, writes, refused: 0, boundMs: null });
    await sleep(pauseMs * (0.5 + random.unit()));
  }
}

async function obey(message: ToChild): Promise<void> {
  if (message.tell === 'begin') running = work();
  if (message.tell === 'quiet') {
    stopping = true;
    await running;
    tell({ told: 'quiet' });
  }
  if (message.tell === 'end') {
    await pool.end();
    recorder.close();
    process.removeAllListeners('disconnect');
    process.disconnect();
  }
}
process.on('message', (message: ToChild) => void obey(message));
tell({ told: 'ready' });
