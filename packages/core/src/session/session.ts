import { createHash } from 'node:crypto';
import { ConfigurationError } from '../ports/errors.ts';
import type { Invalidation } from '../protocol/event.ts';
import type { Label } from '../protocol/dependency.ts';
import { isScopeKey, keyspaceOf } from '../protocol/key.ts';
import { noteKey, noteScope, reaches, SESSION_NEW, type SessionState } from '../protocol/session-state.ts';
import type { Version } from '../protocol/version.ts';
import { decodeSessionToken, encodeSessionToken } from './session-token.ts';

/** What a session compares with what it knows. */
export interface Served {
  readonly version: Version | null;
  /** Version `n` of the keyspace's scope key that the value was loaded under. */
  readonly scope: number;
  readonly dependencies: readonly Label[];
}

/**
 * What one user, or one request, wrote and saw. As the `consistency` of a read it promises that nothing
 * older comes back, on any node of any region. It grows with every read and write that it is given to.
 */
export class Session {
  readonly level = 'session';
  readonly #secrets: readonly string[];
  #state: SessionState;

  /** @internal use `node.session()` */
  constructor(secrets: readonly string[], token?: string) {
    this.#secrets = secrets;
    this.#state = token === undefined ? SESSION_NEW : decodeSessionToken(token, this.#signing());
  }

  /** False until it wrote or saw something: then there is nothing to hand on. */
  get knows(): boolean {
    return this.#state !== SESSION_NEW;
  }

  /**
   * What it knows as a short signed text, for a header or a cookie. At most `SESSION_TOKEN_LENGTH_MAX` characters.
   *
   * @throws ConfigurationError when the node has no `sessionSecrets`
   */
  token(): string {
    return encodeSessionToken(this.#state, this.#signing()[0]!);
  }

  /** Whether the session may be served this. */
  allows(key: string, { version, scope, dependencies }: Served): boolean {
    if (!version) return true; // Values of a source without versions can't be told apart.
    return [{ key, version, scope }, ...dependencies].every((each) =>
      reaches(this.#state, hashOf(each.key), each.version, hashOf(keyspaceOf(each.key)), each.scope),
    );
  }

  /** It saw this. */
  saw(key: string, { version, scope, dependencies }: Served): void {
    if (!version) return;
    for (const each of [{ key, version, scope }, ...dependencies]) {
      this.#note(each.key, each.version);
      this.#note(keyspaceOf(each.key), { era: each.version.era, n: each.scope });
    }
  }

  /** It wrote this. */
  wrote(invalidations: readonly Invalidation[]): void {
    for (const { key, version } of invalidations) this.#note(key, version);
  }

  #note(key: string, version: Version): void {
    this.#state = (isScopeKey(key) ? noteScope : noteKey)(this.#state, hashOf(key), version);
  }

  #signing(): readonly string[] {
    if (this.#secrets.length === 0) {
      throw new ConfigurationError(
        'session tokens are signed: give sessionSecrets to startNode, the same in every region',
      );
    }
    return this.#secrets;
  }
}

/** First 64 bits of the SHA-256 of a key, as 16 hexadecimal digits. Two keys with one hash require more, not less. */
function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}
