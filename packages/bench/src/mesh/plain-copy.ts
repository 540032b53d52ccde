import { Redis } from 'ioredis';

const BATCH = 500;
const LANES = 4;
const TTL_MS = 86_400_000;

/** Copies every string of one Redis that matches to another, pipelined: what a script without versions would do. */
export async function plainCopy(from: string, to: string, match: string): Promise<number> {
  const [source, target] = [new Redis(from), new Redis(to)];
  let copied = 0;
  try {
    const keys: string[] = [];
    let cursor = '0';
    do {
      const [next, found] = await source.scan(cursor, 'MATCH', match, 'COUNT', BATCH);
      keys.push(...found);
      cursor = next;
    } while (cursor !== '0');
    let at = 0;
    const lane = async (): Promise<void> => {
      while (at < keys.length) {
        const batch = keys.slice(at, at + BATCH);
        at += BATCH;
        const values = await source.mgetBuffer(batch);
        const pipeline = target.pipeline();
        for (const [i, value] of values.entries()) if (value) pipeline.set(batch[i]!, value, 'PX', TTL_MS);
        await pipeline.exec();
        copied += batch.length;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    source.disconnect();
    target.disconnect();
  }
  return copied;
}
