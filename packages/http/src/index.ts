export { httpSession } from './node-http.ts';
export { SESSION_HEADER, type SessionOptions } from './session-header.ts';
