import { ConfigurationError, type KeyReads } from '@tidemark/core';
import type { CopiedBlock } from '../copied-block.ts';
import type { Peer } from '../peer.ts';
import type { Copies } from '../read-copies.ts';
import { decodeBlock } from '../snapshot/snapshot-block.ts';
import { WarmupError } from '../warmup-error.ts';
import { readHotKeyFrame, readKeyFrame } from './export-answers.ts';
import { EXPORT_FORMAT, EXPORT_KEYS_MAX, type ExportAbout } from './export-format.ts';
import { assertExportToken } from './export-server.ts';
import { framesIn } from './frames.ts';

const SILENCE_MS = 10_000;

export interface ExportPeerOptions {
  /** `https://host:port` of an agent with `--export`. */
  readonly url: string;
  readonly token: string;
  /** Name of the source of truth of the region that is warmed. */
  readonly source: string;
  /** The region that is warmed. */
  readonly region: string;
  /** A peer that says nothing for so long counts as away, ms. Default 10 s. */
  readonly silenceMs?: number;
}

/**
 * A region by what its agent exports. Nothing of it is trusted but its word: copies go through the rules of any fill.
 *
 * @throws ConfigurationError for an address or a token that can't be meant
 */
export function exportPeer(options: ExportPeerOptions): Peer {
  const { url, token, silenceMs = SILENCE_MS } = options;
  assertExportToken(token);
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new ConfigurationError(
      `${JSON.stringify(url)} is no address of an export, such as https://host:8443`,
    );
  }
  const base = new URL(url).origin;
  let asked: Promise<void> | null = null;

  async function ask(path: string, silence: Silence, body?: string): Promise<Response> {
    const response = await fetch(new URL(path, base), {
      ...(body !== undefined && { method: 'POST', body }),
      headers: { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: silence.signal,
    }).catch((cause: unknown) => {
      throw new WarmupError(`${base} does not answer: ${reasonOf(cause)}`, { cause });
    });
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status === 401) {
      throw new ConfigurationError(
        `${base} refuses the token; both sides take it from TIDEMARK_EXPORT_TOKEN`,
      );
    }
    throw new WarmupError(`${base} answers ${response.status} to ${path}`);
  }

  async function about(): Promise<ExportAbout> {
    const silence = new Silence(silenceMs);
    try {
      const response = await ask('/v1/about', silence);
      const said = (await response.json()) as ExportAbout;
      assertMeant(base, said, options);
      return said;
    } finally {
      silence.end();
    }
  }

  /** Once: that it is what it should be. */
  function sure(): Promise<void> {
    asked ??= about().then(
      () => {},
      (error: unknown) => {
        asked = null;
        throw error;
      },
    );
    return asked;
  }

  async function* frames(path: string, body?: string): AsyncGenerator<Buffer> {
    await sure();
    const silence = new Silence(silenceMs);
    try {
      const response = await ask(path, silence, body);
      yield* framesIn(silence.watch(response.body as AsyncIterable<Uint8Array>));
    } finally {
      silence.end();
    }
  }

  return {
    name: base,
    async read(keys) {
      const values: CopiedBlock[] = [];
      const without = new Set(keys);
      for (let at = 0; at < keys.length; at += EXPORT_KEYS_MAX) {
        const page = keys.slice(at, at + EXPORT_KEYS_MAX);
        const beganMs = performance.now();
        for await (const payload of frames('/v1/copies', JSON.stringify(page))) {
          const block = decodeBlock(payload);
          if (!block) throw damaged(base);
          values.push(aged(block, without, performance.now() - beganMs));
        }
      }
      return { blocks: values, without: [...without] } satisfies Copies;
    },
    async *keys() {
      for await (const payload of frames('/v1/keys')) yield readKeyFrame(payload) ?? fail(base);
    },
    async hotKeys(limit) {
      const hot: KeyReads[] = [];
      for await (const payload of frames(`/v1/hot-keys?limit=${limit}`)) {
        hot.push(...(readHotKeyFrame(payload) ?? fail(base)));
        if (hot.length >= limit) break;
      }
      return hot.slice(0, limit);
    },
    async readMs() {
      return Number((await about()).readMs);
    },
  };
}

/** What was asked for and not had yet, with what is left of its TTLs after the way. */
function aged({ asOf, values }: CopiedBlock, without: Set<string>, ageMs: number): CopiedBlock {
  return {
    asOf,
    values: values
      .filter(({ key, freshMs }) => freshMs > ageMs && without.delete(key))
      .map((value) => ({ ...value, freshMs: value.freshMs - ageMs })),
  };
}

function assertMeant(base: string, said: Partial<ExportAbout>, { source, region }: ExportPeerOptions): void {
  if (said.format !== EXPORT_FORMAT) {
    throw new ConfigurationError(`${base} is no export of this release: upgrade the older side`);
  }
  if (said.source !== source) {
    throw new ConfigurationError(`${base} exports ${String(said.source)}, not ${source}`);
  }
  if (said.region === region) {
    throw new ConfigurationError(`${base} is ${region} itself, which can't be warmed from itself`);
  }
}

/** Ends a request whose other side says nothing any more. */
class Silence {
  readonly #maxMs: number;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  constructor(maxMs: number) {
    this.#maxMs = maxMs;
    this.#timer = this.#set();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      clearTimeout(this.#timer);
      yield chunk;
      this.#timer = this.#set();
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort(); // Closes what was not read to its end.
  }

  #set(): NodeJS.Timeout {
    const said = new WarmupError(`the peer said nothing for ${this.#maxMs} ms`);
    return setTimeout(() => this.#controller.abort(said), this.#maxMs);
  }
}

/** `fetch` says only that it failed. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function damaged(base: string): WarmupError {
  return new WarmupError(`${base} sent what is no export of this release`);
}

function fail(base: string): never {
  throw damaged(base);
}
