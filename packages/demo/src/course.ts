import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cuts } from './cuts.ts';
import type { RegionFiles } from './region-files.ts';

const CUT_REGION = 'eu-west';
/** The cut begins and ends at these parts of the run. */
const CUT_FROM = 0.4;
const CUT_TO = 0.65;

/** What happens while readers and writers work; resolves at its end. `files` describe the mesh to other programs. */
export type Course = (cuts: Cuts, signal: AbortSignal, files: RegionFiles | null) => Promise<void>;

/** One region is cut off part-way, and healed. */
export function scripted(durationMs: number): Course {
  return async (cuts, signal) => {
    await sleep(durationMs * CUT_FROM, undefined, { signal });
    cuts.cut(CUT_REGION);
    await sleep(durationMs * (CUT_TO - CUT_FROM), undefined, { signal });
    await Promise.all([cuts.heal(CUT_REGION), sleep(durationMs * (1 - CUT_TO), undefined, { signal })]);
  };
}

/** What `byHand` understands. */
export const HAND_HELP = '"cut REGION", "heal REGION" or "end"';

/**
 * Lines say what to cut and to heal, until their end or for so long; what is still cut then is healed.
 *
 * @param durationMs null: as long as there may be more lines
 */
export function byHand(input: NodeJS.ReadableStream, durationMs: number | null): Course {
  return async (cuts, signal) => {
    const over = durationMs === null ? [] : [AbortSignal.timeout(durationMs)];
    const lines = createInterface({ input, signal: AbortSignal.any([signal, ...over]) });
    cuts.say(`cuts nothing by itself: write ${HAND_HELP}`);
    for await (const line of lines) {
      const [verb = '', region = ''] = line.trim().split(/\s+/);
      const isKnown = cuts.regions.includes(region);
      if (verb === 'end') break;
      if (verb === 'cut' && isKnown) cuts.cut(region);
      else if (verb === 'heal' && isKnown) await cuts.heal(region);
      else if (verb !== '') cuts.say(`not understood; write ${HAND_HELP}, of ${cuts.regions.join(', ')}`);
    }
    lines.close();
    signal.throwIfAborted();
    await Promise.all(cuts.open.map((region) => cuts.heal(region)));
  };
}
