import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  ConfigurationError,
  type KeyReads,
  REPORT_KEYS_MAX,
  type SourceOfTruth,
  type SqlExecutor,
} from '@tidemark/core';
import { type KeyList, keyList, type KeyListOptions, type Peer, WarmupError } from '@tidemark/warmup';

export interface ListRequest extends Pick<KeyListOptions, 'keyspaces' | 'match' | 'top' | 'shard'> {
  /** File with a key on each line; `-` is stdin. */
  readonly keysFile?: string;
  /** Query with a column `key`, and maybe `reads`. */
  readonly sql?: string;
  /** Pages of keys that are at hand, in their order. */
  readonly given?: AsyncIterable<readonly string[]>;
  /** The region itself. */
  readonly own: Peer;
  readonly peers: readonly Peer[];
  readonly source: SourceOfTruth<SqlExecutor>;
}

/** What is to be warmed, most read first: what was asked for by name, or what the region is known to read, then all that the peers have. */
export async function listKeys(request: ListRequest): Promise<KeyList> {
  const { keysFile, sql, given, own, peers, source, ...narrow } = request;
  if (keysFile !== undefined) return keyList({ ...narrow, others: pagesOf(keysFile) });
  if (sql !== undefined) return keyList({ ...narrow, hot: await queried(source, sql) });
  if (given) return keyList({ ...narrow, others: given });
  const hot = await hotKeys([own, ...peers]);
  const list = await keyList({ ...narrow, hot, ...(peers[0] && { others: peers[0].keys() }) });
  if (list.keys.length === 0) {
    throw new WarmupError(
      'nothing says which keys to warm: no peer is given or has any, and no reads are known; give --keys or --sql',
    );
  }
  return list;
}

/** Of the first region that knows: one that is new borrows its neighbour's. Rejects while the first one is away. */
export async function hotKeys(regions: readonly Peer[]): Promise<readonly KeyReads[]> {
  for (const [i, region] of regions.entries()) {
    const hot = await region.hotKeys(REPORT_KEYS_MAX).catch((error: unknown) => {
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

/** Keys, one on each line; `-` is stdin. A signal ends it, also while it waits for a line. */
export async function* pagesOf(path: string, signal?: AbortSignal): AsyncGenerator<readonly string[]> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  const end = (): void => void input.destroy();
  signal?.addEventListener('abort', end, { once: true });
  try {
    for await (const line of createInterface({ input })) if (line.trim() !== '') yield [line.trim()];
  } catch (cause) {
    if (signal?.aborted) return;
    throw new WarmupError(`keys can't be read from ${path}`, { cause });
  } finally {
    signal?.removeEventListener('abort', end);
  }
}
