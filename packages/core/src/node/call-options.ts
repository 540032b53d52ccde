import type { Committed } from '../ports/source.ts';
import type { Session } from '../session/session.ts';
import type { Consistency } from './consistency.ts';

export interface ReadOptions {
  readonly consistency?: Consistency;
}

export interface WriteOptions {
  /** The session that writes; a new one when left out. */
  readonly session?: Session;
}

/** What a write committed, and the session that it is part of. */
export interface Written<T> extends Committed<T> {
  readonly session: Session;
}
