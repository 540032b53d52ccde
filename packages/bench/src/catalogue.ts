import { coldStart } from './mesh/cold-start.ts';
import { propagationCross, propagationRegion } from './mesh/propagation.ts';
import { relayThroughput } from './mesh/relay.ts';
import { resync } from './mesh/resync.ts';
import { replay } from './mesh/replay.ts';
import { warmup } from './mesh/warmup.ts';
import { writeOverhead, writeOverheadInMemory } from './mesh/writes.ts';
import type { Scenario } from './scenario.ts';
import { getMany } from './scenarios/get-many.ts';
import { l1Hit } from './scenarios/l1-hit.ts';
import { l2Hit } from './scenarios/l2-hit.ts';
import { redisDown } from './scenarios/redis-down.ts';
import { lostMessage } from './scenarios/lost-message.ts';
import { memory } from './scenarios/memory.ts';
import { staleSet } from './scenarios/stale-set.ts';
import { stampede } from './scenarios/stampede.ts';

/** All scenarios, in the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  l1Hit,
  l2Hit(1),
  l2Hit(64),
  getMany,
  memory,
  stampede,
  staleSet,
  lostMessage,
  propagationRegion,
  propagationCross,
  writeOverhead,
  writeOverheadInMemory,
  relayThroughput,
  resync,
  redisDown,
  replay,
  warmup,
  coldStart,
];
