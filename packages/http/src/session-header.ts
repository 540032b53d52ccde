import type { Session, TidemarkNode } from '@tidemark/core';

/** Header in which a session's token comes and goes. */
export const SESSION_HEADER = 'tidemark-session';

export interface SessionOptions {
  /**
   * Called when a token can't be read: forged, of other secrets, or damaged. The request goes on with a
   * new session. Must not throw.
   */
  readonly onBadToken?: (error: unknown) => void;
}

/** Nodes that are known to sign tokens. */
const signing = new WeakSet<object>();

/**
 * Before the first request, not with the first response.
 *
 * @throws ConfigurationError for a node without `sessionSecrets`
 */
export function assertSigns(node: Pick<TidemarkNode, 'session'>): void {
  if (signing.has(node)) return;
  node.session().token();
  signing.add(node);
}

/** The session of a request: what its header tells of, or a new one. Never throws for what a client sent. */
export function sessionOf(
  node: Pick<TidemarkNode, 'session'>,
  header: string | readonly string[] | undefined,
  options: SessionOptions,
): Session {
  const token = typeof header === 'string' ? header : undefined;
  if (token === undefined || token === '') return node.session();
  try {
    return node.session(token);
  } catch (error) {
    options.onBadToken?.(error);
    return node.session();
  }
}
