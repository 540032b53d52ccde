import { createHash } from 'node:crypto';
import { isOrdinal, type StoreMeta } from '@tidemark/core';

/*
 * The meta as text, so that a person can read it with `redis-cli get`:
 *
 *   1 <incarnation> <lineage> <epoch> <revision> <horizon era> <xid> <base era> <xid> [<keyspace>=<scope>]...
 *
 * The leading 1 is the format, which every later format has there too: such a meta is not ours to replace.
 * Of format 1 only the canonical form counts; anything else is as good as no meta, for the scripts as well.
 */
const FORMAT = 1;
const LEADING_FORMAT = /^([1-9]\d{0,8}) /;
const PATTERN = /^1 ([!-~]+) ([!-~]+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)((?: [^= ]+=\d+)*)$/;

/** True for the meta of a later release, whatever it says. */
export function isLaterMeta(text: string): boolean {
  return Number(LEADING_FORMAT.exec(text)?.[1] ?? 0) > FORMAT;
}

/** Reads a meta; null for text that is not one, or of another format. Never throws. */
export function readMeta(text: string): StoreMeta | null {
  const match = PATTERN.exec(text);
  if (!match) return null;
  const [, incarnation, lineage, ...rest] = match;
  const numbers = rest.slice(0, 6).map(Number);
  const scopes = new Map<string, number>();
  for (const part of rest[6]!.split(' ').slice(1)) {
    const at = part.indexOf('=');
    scopes.set(part.slice(0, at), Number(part.slice(at + 1)));
  }
  const [epoch, revision, horizonEra, horizonXid, baseEra, baseXid] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (![...numbers, ...scopes.values()].every(isOrdinal)) return null;
  const meta: StoreMeta = {
    incarnation: incarnation!,
    epoch,
    lineage: lineage!,
    revision,
    horizon: { era: horizonEra, xid: horizonXid },
    base: { era: baseEra, xid: baseXid },
    scopes,
  };
  return metaText(meta) === text ? meta : null;
}

/** The canonical text of a meta, as the scripts write it. */
export function metaText(meta: StoreMeta): string {
  const { incarnation, lineage, epoch, revision, horizon, base, scopes } = meta;
  const fixed = [FORMAT, incarnation, lineage, epoch, revision, horizon.era, horizon.xid, base.era, base.xid];
  return [...fixed, ...[...scopes].map(([name, n]) => `${name}=${n}`)].join(' ');
}

/** The mark that records carry of the store's life that admitted them. */
export function lifeOf(incarnation: string): number {
  return createHash('sha1').update(incarnation).digest().readUInt32BE(0);
}

/** A store's meta and the mark of its life. */
export interface KnownMeta {
  readonly meta: StoreMeta;
  readonly life: number;
}

/** Parses a meta again only when its text changed: it comes with every read. */
export class MetaReader {
  #bytes: Buffer | null = null;
  #known: KnownMeta | 'later' | null = null;

  /** Null for what is no meta; `later` for one of a later release. */
  read(bytes: Buffer): KnownMeta | 'later' | null {
    if (!this.#bytes?.equals(bytes)) {
      const text = bytes.toString('latin1');
      const meta = readMeta(text);
      this.#known = meta ? { meta, life: lifeOf(meta.incarnation) } : isLaterMeta(text) ? 'later' : null;
      this.#bytes = Buffer.from(bytes); // A copy: the original shares its memory with a whole reply.
    }
    return this.#known;
  }
}
