import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  ConfigurationError,
  type KeyReads,
  mergePopularity,
  REPORT_KEYS_MAX,
  type SourceOfTruth,
  type SqlExecutor,
  type Store,
} from '@tidemark/core';
import { type KeyList, keyList, type KeyListOptions, WarmupError } from '@tidemark/warmup';

export interface ListRequest extends Pick<KeyListOptions, 'keyspaces' | 'match' | 'top' | 'shard'> {
  /** File with a key on each line; `-` is stdin. */
  readonly keysFile?: string;
  /** Query with a column `key`, and maybe `reads`. */
  readonly sql?: string;
  /** Pages of keys that are at hand, in their order. */
  readonly given?: AsyncIterable<readonly string[]>;
  readonly store: Store;
  readonly peers: readonly Store[];
  readonly source: SourceOfTruth<SqlExecutor>;
}

/** What is to be warmed, most read first: what was asked for by name, or what the region is known to read, then all that the peers have. */
export async function listKeys(request: ListRequest): Promise<KeyList> {
  const { keysFile, sql, given, store, peers, source, ...narrow } = request;
  if (keysFile !== undefined) return keyList({ ...narrow, others: pagesOf(keysFile) });
  if (sql !== undefined) return keyList({ ...narrow, hot: await queried(source, sql) });
  if (given) return keyList({ ...narrow, others: given });
  const hot = await hotKeys([store, ...peers]);
  const list = await keyList({ ...narrow, hot, ...(peers[0] && { others: peers[0].keys() }) });
  if (list.keys.length === 0) {
    throw new WarmupError(
      'nothing says which keys to warm: no peer is given or has any, and no reads are known; give --keys or --sql',
    );
  }
  return list;
}

/** Of the first store that knows: a region that is new borrows its neighbour's. Rejects while its own store is away. */
export async function hotKeys(stores: readonly Store[]): Promise<readonly KeyReads[]> {
  for (const [i, { popularity }] of stores.entries()) {
    if (!popularity) continue;
    const hot = await mergePopularity(popularity.reports(), REPORT_KEYS_MAX).catch((error: unknown) => {
      if (i === 0) throw error;
      return [];
    });
    if (hot.length > 0) return hot;
  }
  return [];
}

async function queried({ db }: SourceOfTruth<SqlExecutor>, sql: string): Promise<KeyReads[]> {
  const rows = await db.query<{ key?: unknown; reads?: unknown }>(sql);
  return rows.map(({ key, reads }) => {
    if (typeof key !== 'string') {
      throw new ConfigurationError(
        `--sql must give a text column "key", such as: select 'city:' || id as key from cities`,
      );
    }
    return { key, reads: Math.max(0, Number(reads ?? 0)) || 0 };
  });
}

async function* pagesOf(path: string): AsyncGenerator<readonly string[]> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  try {
    for await (const line of createInterface({ input })) if (line.trim() !== '') yield [line.trim()];
  } catch (cause) {
    throw new WarmupError(`--keys ${path} can't be read`, { cause });
  }
}
