import { pathToFileURL } from 'node:url';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { awaitedRate, concurrentReads, peekRate } from './measures.ts';
import type { Load, OpenSubject, Subject, SubjectOptions } from './subject.ts';
import { openLruCache, openRawRedis } from './subjects/floors.ts';
import { BY_TEXT, BY_TWO } from './subjects/row-keys.ts';
import { openTidemark } from './subjects/tidemark.ts';
import { openTraced } from './subjects/traced.ts';
import { valueOf } from './value.ts';

/** Where rows come from: made up at once, or slowly, counted and versioned in a Redis that no fault touches. */
export type RowSource =
  | { readonly kind: 'made-up' }
  | { readonly kind: 'rows'; readonly port: number; readonly takesMs: number };

export interface OpenMessage {
  readonly name: string;
  /** Module of a peer; null for what is built in. */
  readonly module: string | null;
  readonly options: SubjectOptions;
  readonly source: RowSource;
}

const BUILT_IN: Readonly<Record<string, OpenSubject>> = {
  tidemark: (options, load) => openTidemark(options, load),
  'tidemark, key of text': (options, load) => openTidemark(options, load, null, BY_TEXT),
  'tidemark, key of two parameters': (options, load) => openTidemark(options, load, null, BY_TWO),
  'tidemark, OpenTelemetry API': (options, load) => openTidemark(options, load, 'api'),
  'tidemark, OpenTelemetry metrics': (options, load) => openTidemark(options, load, 'sdk'),
  'tidemark, traced, 1 in 10 kept': (options, load) => openTraced(options, load),
  'lru-cache': openLruCache,
  ioredis: (options, load) => openRawRedis(options, load),
  'ioredis auto-pipelining': (options, load) => openRawRedis(options, load, true),
};

let subject: Subject | null = null;
let rows: Redis | null = null;

function loader(source: RowSource): Load {
  if (source.kind === 'made-up') return async (id) => valueOf(id);
  const redis = (rows = new Redis(source.port, '127.0.0.1'));
  return async (id) => {
    const version = Number((await redis.get(`row:${id}`)) ?? 0);
    await redis.incr(`loads:${id}`); // Whoever waits for the load to have begun may change the row now.
    await sleep(source.takesMs);
    return { ...valueOf(id), version };
  };
}

const versionIn = (value: unknown): number => (value as { readonly version?: number } | null)?.version ?? -1;

/** What the parent may ask for. */
export const METHODS = {
  async open({ name, module, options, source }: OpenMessage): Promise<void> {
    const open =
      module === null
        ? BUILT_IN[name]
        : ((await import(pathToFileURL(module).href)) as { readonly open: OpenSubject }).open;
    if (!open) throw new Error(`there is no subject ${name}`);
    subject = await open(options, loader(source));
  },
  /** Reads ids 0 to n - 1, several at a time. */
  async warm(keys: number): Promise<void> {
    for (let id = 0; id < keys; id += 50) {
      await Promise.all(Array.from({ length: Math.min(50, keys - id) }, (_, i) => subject!.get(id + i)));
    }
  },
  awaited: (keys: number, ms: number) => awaitedRate(subject!, keys, ms),
  peeked: (keys: number, ms: number) => peekRate(subject!, keys, ms),
  concurrent: (keys: number, readers: number, ms: number) =>
    concurrentReads((id) => subject!.get(id), keys, readers, ms),
  many(keys: number, size: number, ms: number) {
    const read = (first: number): Promise<unknown> => {
      const ids = Array.from({ length: size }, (_, i) => (first + i) % keys);
      return subject!.getMany ? subject!.getMany(ids) : Promise.all(ids.map((id) => subject!.get(id)));
    };
    return concurrentReads(read, keys, 1, ms);
  },
  /** Many callers of one key at once; resolves when all have it. */
  async callers(id: number, count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => subject!.get(id)));
  },
  async versionOf(id: number): Promise<number> {
    return versionIn(await subject!.get(id));
  },
  /** A read with how long it took; the error when it failed. */
  async timed(id: number): Promise<{ readonly ms: number; readonly error: string | null }> {
    const began = performance.now();
    try {
      await subject!.get(id);
      return { ms: performance.now() - began, error: null };
    } catch (error) {
      return { ms: performance.now() - began, error: String(error) };
    }
  },
  async invalidate(id: number): Promise<void> {
    await subject!.invalidate!(id);
  },
  /** Bytes of heap that so many entries take, each. */
  async bytesPerEntry(entries: number): Promise<number> {
    const collect = (): number => {
      for (let i = 0; i < 4; i += 1) globalThis.gc!();
      return process.memoryUsage().heapUsed;
    };
    const before = collect();
    for (let id = 0; id < entries; id += 1) await subject!.get(id);
    return (collect() - before) / entries;
  },
  async close(): Promise<void> {
    await subject?.close();
    rows?.disconnect();
  },
} as const;

interface Request {
  readonly id: number;
  readonly method: keyof typeof METHODS;
  readonly args: readonly unknown[];
}

process.on('message', (message: Request) => {
  void answer(message);
});
// The parent is gone: nobody will ask again.
process.on('disconnect', () => process.exit(0));

async function answer({ id, method, args }: Request): Promise<void> {
  try {
    const call = METHODS[method] as (...given: readonly unknown[]) => unknown;
    process.send!({ id, result: await call(...args) });
  } catch (error) {
    process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
