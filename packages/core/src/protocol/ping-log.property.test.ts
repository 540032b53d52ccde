import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { PingLog } from './ping-log.ts';

/** A ping after some time, or an echo of any number, heard or not, answered before or invented. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ ping: fc.nat(50) }) },
  fc.record({ echo: fc.oneof(fc.nat(90), fc.integer(), fc.maxSafeInteger(), fc.constant(Number.NaN)) }),
);

it('closed time never goes back, nor past a ping that was not sent, whatever is echoed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const log = new PingLog<string>();
      const sent = new Map<number, number>();
      let nowMs = 0;
      let closedMs = -1;
      for (const each of steps) {
        if ('ping' in each) {
          nowMs += each.ping;
          const number = log.send(nowMs, `note ${nowMs}`);
          expect(sent.has(number)).toBe(false);
          sent.set(number, nowMs);
          continue;
        }
        const echoed = log.echo(each.echo);
        if (!echoed) continue;
        expect(echoed).toEqual({ atMs: sent.get(each.echo), note: `note ${echoed.atMs}` });
        expect(echoed.atMs).toBeGreaterThanOrEqual(closedMs);
        expect(log.echo(each.echo)).toBeNull();
        closedMs = echoed.atMs;
      }
    }),
    runs(300),
  );
});

it('of many pings under way it knows the latest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), (count) => {
      const log = new PingLog();
      for (let ping = 1; ping <= count; ping += 1) log.send(ping, undefined);
      expect(log.echo(count)).toEqual({ atMs: count, note: undefined });
      const bounded = new PingLog();
      for (let ping = 1; ping <= count; ping += 1) bounded.send(ping, undefined);
      let known = 0;
      for (let ping = 1; ping <= count; ping += 1) if (bounded.echo(ping)) known += 1;
      expect(known).toBe(Math.min(count, 64));
    }),
    runs(50),
  );
});
