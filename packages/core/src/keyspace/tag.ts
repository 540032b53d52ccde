import { KeyError } from '../ports/errors.ts';
import { TAG_KEYSPACE } from '../protocol/dependency.ts';
import { encodeKeyPart, isPortable, KEY_LENGTH_MAX } from '../protocol/key.ts';

/** Names that keyspaces can't have: their keys stand for something else. */
export const RESERVED_KEYSPACES: ReadonlySet<string> = new Set([TAG_KEYSPACE, 'group', 'member']);

/**
 * The key of a tag, for `dependsOn` and `depend`. A tag stands for no row: whatever depends on it
 * becomes stale when it is invalidated, by `tx.invalidateTag(name)` or in SQL by
 * `tidemark.bump(ARRAY['tag:' || tidemark.encode_part(name)])`.
 *
 * @throws KeyError for an empty name, one that is too long, or one that is not well-formed text
 */
export function tag(name: string): string {
  const key = `${TAG_KEYSPACE}:${encodeKeyPart(name)}`;
  if (name === '' || key.length > KEY_LENGTH_MAX) {
    throw new KeyError(TAG_KEYSPACE, `tag: a name needs 1 to about ${KEY_LENGTH_MAX} characters`);
  }
  if (!isPortable(name)) {
    throw new KeyError(TAG_KEYSPACE, 'tag: a name must be well-formed text (no lone surrogate, no NUL)');
  }
  return key;
}
