import type { Cluster, Redis } from 'ioredis';
import { FILL_MANY } from './scripts/fill-many.ts';
import { FILL } from './scripts/fill.ts';
import { HOLD, LET_GO } from './scripts/hold.ts';
import { INITIALISE, RAISE_EPOCH } from './scripts/life.ts';
import { RAISE } from './scripts/raise.ts';
import { REPORT } from './scripts/report.ts';
import { RETAIN } from './scripts/retain.ts';
import { WATCH } from './scripts/watch.ts';

type Argument = string | number | Buffer;
/** A script as a command: number of keys, keys, arguments. */
type Command = (keys: number, ...args: readonly Argument[]) => Promise<unknown>;

const LUA = {
  tidemarkRaise: RAISE,
  tidemarkFill: FILL,
  tidemarkFillMany: FILL_MANY,
  tidemarkWatch: WATCH,
  tidemarkRetain: RETAIN,
  tidemarkReport: REPORT,
  tidemarkHold: HOLD,
  tidemarkLetGo: LET_GO,
  tidemarkInitialise: INITIALISE,
  tidemarkRaiseEpoch: RAISE_EPOCH,
} as const;

export type Commands = Readonly<Record<keyof typeof LUA, Command>>;

/** Adds the scripts to a connection; each is sent in full only when the server does not know it. */
export function defineCommands(redis: Redis | Cluster): Commands {
  for (const [name, lua] of Object.entries(LUA)) redis.defineCommand(name, { lua });
  return redis as unknown as Commands;
}
