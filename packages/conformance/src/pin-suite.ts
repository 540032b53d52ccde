import type { Invalidation, PinSource, SourceOfTruth } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gate, readChanges, type SourceHarness } from './source-harness.ts';

const CONTENT = { origin: 1, schema: 1, data: new Uint8Array([0, 255, 10]) };

/** What every `PinSource` must do. Call it in a test file of the adapter. */
export function pinSuite<Tx>(name: string, factory: () => Promise<SourceHarness<Tx>>): void {
  describe(`pins: ${name}`, () => {
    let harness: SourceHarness<Tx>;
    let source: SourceOfTruth<unknown, Tx>;
    let pins: PinSource;
    let keys = 0;
    /** A key of its own for each case, written once. */
    const written = async (): Promise<{ readonly key: string; readonly n: number }> => {
      const key = `pinned:${(keys += 1)}`;
      return { key, n: (await bump(key)).version.n };
    };
    const bump = async (key: string): Promise<Invalidation> => {
      const { invalidations } = await source.transaction(async (_tx, bumped) => bumped(key));
      return invalidations[0]!;
    };
    const versionOf = async (key: string): Promise<number> => (await source.labels([key])).versions[0]!.n;

    beforeAll(async () => {
      harness = await factory();
      source = harness.source;
      pins = source.pins!;
    });
    afterAll(() => harness.close());

    it('are null for keys that were never rolled back, in the order asked', async () => {
      const { key, n } = await written();
      await pins.pin(key, CONTENT, n);
      const found = await pins.read(['pinned:none', key, key]);
      expect(found[0]).toBeNull();
      expect(found[1]).toEqual(found[2]);
      expect(await pins.read([])).toEqual([]);
    });

    it('are a new version of the key, which every region hears of', async () => {
      const { key, n } = await written();
      const since = (await source.changes(null, { limit: 10 })).horizon;
      const { invalidations } = await pins.pin(key, CONTENT, n);
      expect(invalidations.map((each) => each.key)).toEqual([key]);
      const pinned = invalidations[0]!.version.n;
      expect(pinned).toBeGreaterThan(n);
      expect(await versionOf(key)).toBe(pinned);
      expect((await readChanges(source, since)).changes).toContainEqual(invalidations[0]);
      const [pin] = await pins.read([key]);
      expect({ ...pin, data: [...pin!.data!] }).toEqual({
        n: pinned,
        origin: 1,
        schema: 1,
        data: [0, 255, 10],
      });
    });

    it('keep absence and empty values apart, and any size', async () => {
      const { key, n } = await written();
      for (const data of [null, new Uint8Array(), new Uint8Array(300_000).fill(7)]) {
        const expected = await versionOf(key);
        await pins.pin(key, { ...CONTENT, schema: 4_294_967_295, data }, expected);
        const [pin] = await pins.read([key]);
        expect(pin!.data && [...pin!.data].length).toBe(data && data.byteLength);
        expect(pin!.schema).toBe(4_294_967_295);
        expect(pin!.n).toBeGreaterThan(n);
      }
    });

    it('fall below the next write, and stay where they are', async () => {
      const { key, n } = await written();
      const { invalidations } = await pins.pin(key, CONTENT, n);
      const next = await bump(key);
      expect(next.version.n).toBeGreaterThan(invalidations[0]!.version.n);
      expect((await pins.read([key]))[0]!.n).toBe(invalidations[0]!.version.n);
    });

    it('are refused when the key has changed, and change nothing then', async () => {
      const { key, n } = await written();
      const { version } = await bump(key);
      await expect(pins.pin(key, CONTENT, n)).rejects.toMatchObject({ code: 'E_ROLLBACK_CONFLICT', key });
      expect(await versionOf(key)).toBe(version.n);
      expect(await pins.read([key])).toEqual([null]);
    });

    it.each(['that was written', 'that the changelog does not know'])(
      'of a key %s: one wins',
      async (which) => {
        const { key, n } =
          which === 'that was written'
            ? await written()
            : { key: 'pinned:new', n: await versionOf('pinned:new') };
        const results = await Promise.allSettled(
          [1, 2, 3, 4].map((origin) => pins.pin(key, { ...CONTENT, origin }, n)),
        );
        const won = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i + 1] : []));
        expect(won).toHaveLength(1);
        expect((await pins.read([key]))[0]).toMatchObject({ origin: won[0], n: await versionOf(key) });
      },
    );

    it('wait for a write under way, and are refused when it commits', async () => {
      const { key, n } = await written();
      const [started, ending] = [gate(), gate()];
      const writing = source.transaction(async (tx, bumped) => {
        await harness.write(tx);
        bumped(key);
        started.open();
        await ending.opened;
      });
      await started.opened;
      ending.open();
      const [, pinned] = await Promise.allSettled([writing, pins.pin(key, CONTENT, n)]);
      // Whichever came first: a pin that was taken is below the write, or there is none.
      const latest = await versionOf(key);
      const [pin] = await pins.read([key]);
      if (pinned.status === 'fulfilled') expect(pin!.n).toBeLessThan(latest);
      else expect(pinned.reason).toMatchObject({ code: 'E_ROLLBACK_CONFLICT' });
    });

    it('reject what is not a key, and everything once closed', async () => {
      await expect(pins.pin('Bad Key', CONTENT, 0)).rejects.toMatchObject({ code: 'E_KEY' });
      const other = await harness.another();
      await other.close();
      await expect(other.pins!.read(['a:1'])).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
      await expect(other.pins!.pin('a:1', CONTENT, 0)).rejects.toMatchObject({
        code: 'E_SOURCE_UNAVAILABLE',
      });
    });
  });
}
