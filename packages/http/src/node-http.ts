import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Session, TidemarkNode } from '@tidemark/core';
import { assertSigns, SESSION_HEADER, type SessionOptions, sessionOf } from './session-header.ts';

/**
 * The session of a request, for handlers of Node's `http` and all that is built on it (Express, Connect).
 * Its token goes out with the response's headers: what the handler reads or writes after that is not in it.
 *
 * @throws ConfigurationError for a node without `sessionSecrets`
 */
export function httpSession(
  node: Pick<TidemarkNode, 'session'>,
  request: IncomingMessage,
  response: ServerResponse,
  options: SessionOptions = {},
): Session {
  assertSigns(node);
  const session = sessionOf(node, request.headers[SESSION_HEADER], options);
  const writeHead = response.writeHead.bind(response);
  response.writeHead = ((...args: Parameters<typeof writeHead>) => {
    if (session.knows && !response.headersSent) response.setHeader(SESSION_HEADER, session.token());
    return writeHead(...args);
  }) as typeof response.writeHead;
  return session;
}
