import type { Session, TidemarkNode } from '@tidemark/core';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { assertSigns, SESSION_HEADER, type SessionOptions, sessionOf } from './session-header.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What this client wrote and saw; give it to reads as their `consistency`, and to writes. */
    tidemarkSession: Session;
  }
}

export interface FastifySessionOptions extends SessionOptions {
  readonly node: Pick<TidemarkNode, 'session'>;
}

const plugin: FastifyPluginAsync<FastifySessionOptions> = async (fastify, { node, ...options }) => {
  assertSigns(node);
  // Decorated first, set for each request: requests keep one shape, and none sees another's session.
  fastify.decorateRequest('tidemarkSession', null as unknown as Session);
  fastify.addHook('onRequest', async (request) => {
    request.tidemarkSession = sessionOf(node, request.headers[SESSION_HEADER], options);
  });
  fastify.addHook('onSend', async (request, reply, payload: unknown) => {
    const session = request.tidemarkSession as Session | null; // Null when an earlier hook failed.
    if (session?.knows) reply.header(SESSION_HEADER, session.token());
    return payload;
  });
};

/** `app.register(tidemarkSession, { node })`: each request then has its `tidemarkSession`. */
export const tidemarkSession = fp(plugin, { fastify: '5.x', name: '@tidemark/http' });
