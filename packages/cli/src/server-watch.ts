import { setTimeout as pause } from 'node:timers/promises';

/** A silent server counts as away after this; it may still answer. */
const ANSWER_MS = 1_000;
const AGAIN_MS = 500;

/** A server that a region's roles need, and how to find out whether it works. */
export interface NeededServer {
  readonly server: 'redis' | 'nats' | 'postgres';
  /** Whose it is: a region reads its peers' NATS too. */
  readonly region: string;
  /** Host and port, without user and password. */
  readonly address: string;
  /** Rejects with the reason while the server can't be used. */
  readonly reach: () => Promise<unknown>;
}

/** A server is waited for, or is there after it was. */
export type ServerEvent = Omit<NeededServer, 'reach'> &
  ({ readonly type: 'waiting'; readonly reason: string } | { readonly type: 'reached' });

/** Resolves once the server answers, or when the signal is aborted. Says once that it waits, and once that it is over. */
export async function reached(
  { reach, ...where }: NeededServer,
  onEvent: (event: ServerEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let isWaiting = false;
  while (!signal.aborted) {
    const answer = reach().then(() => null, reasonOf);
    const late = pause(ANSWER_MS, 'it does not answer', { signal }).catch(() => null);
    const reason = await Promise.race([answer, late]);
    if (signal.aborted) return;
    if (reason === null) {
      if (isWaiting) onEvent({ type: 'reached', ...where });
      return;
    }
    if (!isWaiting) onEvent({ type: 'waiting', ...where, reason });
    isWaiting = true;
    await pause(AGAIN_MS, undefined, { signal }).catch(() => {});
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Host and port of a URL, for people: user, password, path and query stay secret. */
export function addressOf(url: string): string {
  return url
    .replace(/^[a-z0-9+.-]+:\/\//i, '')
    .replace(/^.*@/, '')
    .replace(/[/?#].*$/, '');
}
