#!/usr/bin/env node
// How long our checkers take: `node packages/checkers/bin/bench.mjs`. Prints one JSON line for each size of history.
import { performance } from 'node:perf_hooks';
import { ensureBuild, main } from '../../testbed/bin/bootstrap.mjs';

const SIZES = [300, 3_000, 30_000, 300_000, 1_000_000];
/** About so many lines are judged for each figure. */
const LINES_PER_SIZE = 1_000_000;

await main(async () => {
  await ensureBuild();
  const { checkHistory, toHistory } = await import('@tidemark/checkers');
  for (const lines of SIZES) {
    for (const restores of [0, 1]) {
      const history = toHistory(makeHistory(lines, restores));
      const runs = Math.max(1, Math.round(LINES_PER_SIZE / lines));
      // Once before, to be compiled; a history that is judged once in a lifetime is what it is.
      if (runs > 1) for (let run = 0; run < Math.min(runs, 300); run += 1) checkHistory(history);
      const beganMs = performance.now();
      let violations = 0;
      for (let run = 0; run < runs; run += 1) violations += checkHistory(history).length;
      const ms = (performance.now() - beganMs) / runs;
      process.stdout.write(
        `${JSON.stringify({ lines, restores, ms: Number(ms.toPrecision(3)), violations })}\n`,
      );
    }
  }
  return 0;
});

/**
 * A legal history of so many lines: everybody reads what was committed last, and deletes now and then.
 * @param {number} lines
 * @param {number} restores
 * @returns {any[]}
 */
function makeHistory(lines, restores) {
  const keys = Math.max(3, Math.round(Math.sqrt(lines) / 4));
  /** @type {any[]} */
  const made = [
    { type: 'run', format: 1, seed: 1, startMs: 0, broken: null, limits: { readMs: 1_000, writeMs: 1_000 } },
  ];
  const counters = new Array(keys).fill(0);
  /** @type {any[]} */
  const values = new Array(keys).fill(null);
  const levels = ['eventual', 'bounded', 'latest', 'session'];
  let seed = 1;
  /** @param {number} below */
  const draw = (below) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  let era = 1;
  for (let atMs = 1; made.length < lines; atMs += 1) {
    const at = draw(keys);
    const key = `item:${at}`;
    const region = ['eu', 'us', 'ap'][draw(3)];
    const place = { process: `${region}-${draw(3)}#1`, region, key };
    if (era <= restores && made.length > (lines * era) / (restores + 1)) {
      era += 1;
      made.push({
        type: 'restore',
        atMs,
        era,
        kept: Object.fromEntries(counters.map((n, i) => [`item:${i}`, n])),
      });
    } else if (draw(100) < 12) {
      const write = `w${atMs}`;
      const counter = (counters[at] += 1);
      const absent = draw(5) === 0;
      values[at] = absent ? null : { counter, write, settings: 0 };
      const begun = { ...place, startMs: atMs, write, kind: 'put' };
      made.push({ type: 'commit', key, counter, write, absent, era });
      made.push({ type: 'intent', ...begun });
      made.push({ type: 'write', ...begun, via: 'node', endMs: atMs + 0.5, outcome: 'ok', storeTold: true });
      made.push({ type: 'told', ...place, version: `${era}.${atMs}`, store: region, atMs: atMs + 0.5 });
    } else {
      const level = levels[draw(4)];
      made.push({
        type: 'read',
        ...place,
        level,
        ...(level === 'bounded' && { boundMs: 500 }),
        ...(level === 'session' && { session: `s${draw(50)}` }),
        startMs: atMs,
        endMs: atMs + 0.5,
        outcome: 'ok',
        value: values[at],
        version: `${era}.${atMs}`,
        tier: ['l1', 'l2', 'source'][draw(3)],
      });
      made.push({ type: 'served', ...place, version: `${era}.${atMs}`, store: region, atMs });
    }
  }
  return made;
}
