import type { StoreMeta } from '@tidemark/core';

const PATTERN = /^1 (\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)((?: [^= ]+=\d+)*)$/;

/** Reads a meta; null for text that is not one, or of another format. */
export function readMeta(text: string): StoreMeta | null {
  const match = PATTERN.exec(text);
  if (!match) return null;
  const [, incarnation, epoch, revision, horizonEra, horizonXid, baseEra, baseXid, rest] = match;
  const scopes = new Map<string, number>();
  for (const part of rest!.split(' ')) {
    const [name, n] = part.split('=');
    if (name && n) scopes.set(name, Number(n));
  }
  return {
    incarnation: incarnation!,
    epoch: Number(epoch),
    revision: Number(revision),
    horizon: { era: Number(horizonEra), xid: Number(horizonXid) },
    base: { era: Number(baseEra), xid: Number(baseXid) },
    scopes,
  };
}

/** Parses a meta again only when its text changed: it comes with every read. */
export class MetaReader {
  #text: Buffer | null = null;
  #meta: StoreMeta | null = null;

  read(bytes: Buffer): StoreMeta | null {
    if (!this.#text?.equals(bytes)) {
      this.#meta = readMeta(bytes.toString('latin1'));
      this.#text = bytes;
    }
    return this.#meta;
  }
}
