import { afterEach, describe, expect, it, vi } from 'vitest';
import { IDS, type Member, redisRegion, type RedisRegion, SOON } from './node-harness.ts';

const FAILURES = 3;
const RESET_MS = 500;

describe('writes while Redis hangs', () => {
  let region: RedisRegion;
  let member: Member;

  afterEach(() => region.close());

  it('wait for it a few times, then no more; afterwards all is as if it had never hung', async () => {
    region = await redisRegion({ storeBreaker: { failures: FAILURES, resetAfter: RESET_MS } });
    member = await region.join();
    const { redis, read, write, reader } = region;
    for (const id of IDS) await write(id, member);
    await region.healed();

    redis.pause();
    const { commands, events, node } = member;
    const skipped = (): number => events.get('raise-skipped') ?? 0;
    const asked = commands.of('raise');
    const latest = new Map<number, number>();
    for (let i = 0; skipped() === 0; i += 1) {
      const id = IDS[i % IDS.length]!;
      latest.set(id, await write(id, member));
    }
    // More than those in a row only if the client noticed first that its connection is silent: then nothing waits.
    expect(commands.of('raise') - asked).toBeGreaterThanOrEqual(FAILURES);
    const [failed, before] = [commands.of('raise'), skipped()];
    for (let i = 0; i < 40; i += 1) {
      const id = IDS[i % IDS.length]!;
      latest.set(id, await write(id, member));
      expect(await read(member, id)).toBe(latest.get(id));
    }
    expect(skipped() - before).toBe(40);
    // Probes, which doubled their distance, and which no write waited for.
    expect(commands.of('raise') - failed).toBeLessThanOrEqual(5);

    const loads = (): number => node.stats().loads + reader.node.stats().loads;
    const loaded = loads();
    redis.resume();
    // Not a herd: all who ask at once share a load.
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => read(i % 2 === 0 ? member : reader, IDS[(i >> 1) % IDS.length]!)),
    );
    expect(loads() - loaded).toBeLessThanOrEqual(2 * IDS.length);
    await region.healed();
    for (const id of IDS) expect(await read(member, id)).toBe(latest.get(id));
    // What was skipped is not sent again: the applier has told it.
    expect(commands.of('raise') - failed).toBeLessThanOrEqual(6);
    await vi.waitFor(async () => {
      const [told, left] = [commands.of('raise'), skipped()];
      await write(1, member);
      expect([commands.of('raise'), skipped()]).toEqual([told + 1, left]);
    }, SOON);
  }, 120_000);

  it('ask it each time without a breaker, and without a bus that others would hear of them by', async () => {
    region = await redisRegion({ storeBreaker: { failures: FAILURES, resetAfter: 60_000 } });
    const { redis, write, writer } = region;
    await write(1);
    redis.pause();
    const before = writer.commands.of('raise');
    for (let i = 0; i < FAILURES + 2; i += 1) await write(1);
    expect(writer.commands.of('raise') - before).toBe(FAILURES + 2);
    redis.resume();
  }, 60_000);
});
