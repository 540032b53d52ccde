import {
  isKey,
  type KeyReads,
  type NodeReads,
  type Popularity,
  REPORT_KEYS_MAX,
  REPORT_LIFE_MS,
  REPORTS_MAX,
} from '@tidemark/core';
import type { Commands } from './commands.ts';
import type { StoreConnection } from './connection.ts';
import type { KeyNames } from './key-names.ts';

/** Keys of one page: about 50 KB. */
const PAGE_KEYS = 1_000;
/** All that a report can have: whatever else lies in its hash is left alone. */
const PAGES = Array.from({ length: REPORT_KEYS_MAX / PAGE_KEYS }, (_, i) => String(i));

interface Parts {
  readonly connection: StoreConnection;
  readonly commands: Commands;
  readonly names: KeyNames;
  readonly onUnreadable: (redisKey: string) => void;
}

/**
 * What a region's nodes read most, in Redis: one hash for each node, its pages JSON arrays of keys and counts one
 * after the other (`["city:1",9,"city:2",4]`), and a sorted set of nodes by the time of their reports.
 */
export class RedisPopularity implements Popularity {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async report(node: string, keys: readonly KeyReads[]): Promise<void> {
    const { connection, commands, names } = this.#parts;
    const pages: string[] = [];
    for (let at = 0; at < Math.min(keys.length, REPORT_KEYS_MAX); at += PAGE_KEYS) {
      const page = keys.slice(at, Math.min(at + PAGE_KEYS, REPORT_KEYS_MAX));
      pages.push(JSON.stringify(page.flatMap(({ key, reads }) => [key, Math.round(reads)])));
    }
    await connection.run(
      commands.tidemarkReport(
        2,
        names.report(node),
        names.reports,
        node,
        REPORT_LIFE_MS,
        REPORTS_MAX,
        ...pages,
      ),
    );
  }

  async *reports(): AsyncGenerator<NodeReads> {
    const { connection, names, onUnreadable } = this.#parts;
    const { redis } = connection;
    const found = await connection.run(
      redis.zrevrange(names.reports, 0, REPORTS_MAX - 1, 'WITHSCORES').catch(wrongType),
    );
    if (!found) onUnreadable(names.reports);
    for (let at = 0; at + 1 < (found?.length ?? 0); at += 2) {
      const name = names.report(found![at]!);
      const pages = await connection.run(redis.hmget(name, ...PAGES).catch(wrongType));
      const keys = pages?.filter((page) => page !== null).map(readPage);
      if (!keys || keys.includes(null)) onUnreadable(name);
      const ageMs = Math.max(0, (await connection.nowMs()) - Number(found![at + 1]));
      const readable = (keys ?? []).flatMap((page) => page ?? []);
      if (readable.length > 0) yield { ageMs, keys: readable };
    }
  }
}

/** Null for what no node wrote. */
function readPage(text: string): KeyReads[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(parsed) || parsed.length > 2 * PAGE_KEYS) return null;
  const keys: KeyReads[] = [];
  for (let at = 0; at < parsed.length; at += 2) {
    const [key, reads] = [parsed[at], parsed[at + 1]] as [unknown, unknown];
    if (!isKey(key) || !Number.isSafeInteger(reads) || (reads as number) < 0) return null;
    keys.push({ key, reads: reads as number });
  }
  return keys;
}

/** Another program's data where ours should be. */
function wrongType(error: unknown): null {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
  throw error;
}
