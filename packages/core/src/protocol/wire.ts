import type { Barrier, Echo, Invalidation, ShippedValue } from './event.ts';
import {
  bad,
  isId,
  judgeEnvelope,
  later,
  type Numbering,
  unpackNumber,
  type Unusable,
  WIRE_FORMAT,
} from './wire-envelope.ts';
import type { AskMessage, TellMessage } from './question.ts';
import { packAnswer, packQuestion, unpackAnswer, unpackQuestion } from './wire-questions.ts';
import { packValues, unpackValues } from './wire-values.ts';
import { isKey } from './key.ts';
import { PARTITIONS_MAX } from './partition.ts';
import { isPosition, type Position } from './position.ts';
import { isOrdinal, type Version } from './version.ts';

/*
 * What travels on streams and channels: JSON text in an envelope (`wire-envelope.ts`).
 *
 * | format | since | change |
 * |---|---|---|
 * | 1 | 0.1 | first |
 *
 * Readers ignore unknown fields. A message that only a later release understands is left aside: without a
 * number it may always be missed; with one it may carry changes, so the next barrier does not count.
 */
/** Invalidations in one message. */
export const MESSAGE_EVENTS_MAX = 500;
/** Echoes in one barrier or claim. */
export const ECHOES_MAX = 1024;
/** Characters of a message that a reader accepts. */
export const MESSAGE_LENGTH_MAX = 1_048_576;

/** From a writer, right after its commit. Unnumbered: losing it only costs time. */
export interface BumpMessage {
  readonly kind: 'bump';
  readonly invalidations: readonly Invalidation[];
}
/**
 * From a writer, some time after its bump: what it wrote, so that peers need not load it. Unnumbered,
 * and never instead of the bump: losing it costs a load.
 */
export interface UpdateMessage {
  readonly kind: 'update';
  readonly values: readonly ShippedValue[];
}
/** From a relay: part of what a later barrier speaks of. */
export interface ChangesMessage extends Numbering {
  readonly kind: 'changes';
  readonly invalidations: readonly Invalidation[];
}
/** From a relay. */
export interface BarrierMessage extends Numbering {
  readonly kind: 'barrier';
  readonly barrier: Barrier;
}
export type StreamMessage = BumpMessage | UpdateMessage | ChangesMessage | BarrierMessage;

/** An asker's ping; to the relay from appliers, to the applier from nodes. */
export interface PingMessage extends Echo {
  readonly kind: 'ping';
}

/** A state of a store, or of one partition; it can only be shown by that lineage of that life, from then on. */
export interface Shown {
  readonly incarnation: string;
  readonly lineage: string;
  readonly revision: number;
}
/** "The store showed these states when all before your echoed ping was applied." */
export interface Claim {
  /** One for each partition that is proven. */
  readonly shown: readonly Shown[];
  /** False when partitions are missing: nothing is said about them. */
  readonly whole: boolean;
  readonly echoes: readonly Echo[];
}
/** From the applier to the region's nodes. */
export interface FeedMessage extends Numbering {
  readonly kind: 'feed';
  readonly invalidations: readonly Invalidation[];
  readonly claim?: Claim;
}

export type WireMessage = StreamMessage | PingMessage | FeedMessage | AskMessage | TellMessage;

export type Decoded<T> = { readonly ok: true; readonly message: T } | Unusable;

export function encodeMessage(message: WireMessage): string {
  switch (message.kind) {
    case 'bump':
      return JSON.stringify({ f: WIRE_FORMAT, k: 'bump', ev: packEvents(message.invalidations) });
    case 'update':
      return JSON.stringify({ f: WIRE_FORMAT, k: 'update', va: packValues(message.values) });
    case 'changes':
      return JSON.stringify({
        f: WIRE_FORMAT,
        k: 'changes',
        ...packNumber(message),
        ev: packEvents(message.invalidations),
      });
    case 'barrier': {
      const { from, to, atMs, echoes } = message.barrier;
      return JSON.stringify({
        f: WIRE_FORMAT,
        k: 'barrier',
        ...packNumber(message),
        from,
        to,
        at: atMs,
        ec: packEchoes(echoes),
      });
    }
    case 'ping':
      return JSON.stringify({ f: WIRE_FORMAT, k: 'ping', ec: packEchoes([message]) });
    case 'feed': {
      const { claim } = message;
      return JSON.stringify({
        f: WIRE_FORMAT,
        k: 'feed',
        ...packNumber(message),
        ev: packEvents(message.invalidations),
        ...(claim
          ? { cl: { sh: packShown(claim.shown), wh: claim.whole, ec: packEchoes(claim.echoes) } }
          : {}),
      });
    }
    case 'ask':
      return JSON.stringify({ f: WIRE_FORMAT, k: 'ask', id: message.id, ...packQuestion(message.question) });
    case 'tell':
      return JSON.stringify({ f: WIRE_FORMAT, k: 'tell', id: message.id, ...packAnswer(message.answer) });
  }
}

/** Decodes what came from a peer. Never throws: bad input is answered with a reason. */
export function decodeMessage(text: string): Decoded<WireMessage> {
  if (text.length > MESSAGE_LENGTH_MAX) return bad(`longer than ${MESSAGE_LENGTH_MAX} characters`);
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return bad('not JSON');
  }
  if (!isObject(raw)) return bad('not an object');
  const unusable = judgeEnvelope(raw);
  if (unusable) return unusable;
  switch (raw['k']) {
    case 'bump': {
      const invalidations = unpackEvents(raw['ev']);
      return invalidations ? good({ kind: 'bump', invalidations }) : bad('events');
    }
    case 'update': {
      const values = unpackValues(raw['va']);
      return values ? good({ kind: 'update', values }) : bad('values');
    }
    case 'changes': {
      const number = unpackNumber(raw);
      const invalidations = unpackEvents(raw['ev']);
      return number && invalidations ? good({ kind: 'changes', ...number, invalidations }) : bad('changes');
    }
    case 'barrier': {
      const number = unpackNumber(raw);
      const echoes = unpackEchoes(raw['ec']);
      const { from, to, at } = raw;
      if (!number || !echoes || !isPosition(from) || !isPosition(to) || !isFiniteNumber(at))
        return bad('barrier');
      return good({
        kind: 'barrier',
        ...number,
        barrier: { from: copy(from), to: copy(to), atMs: at, echoes },
      });
    }
    case 'ping': {
      const echo = unpackEchoes(raw['ec'])?.[0];
      return echo ? good({ kind: 'ping', ...echo }) : bad('ping');
    }
    case 'feed': {
      const number = unpackNumber(raw);
      const invalidations = unpackEvents(raw['ev']);
      if (!number || !invalidations) return bad('feed');
      if (raw['cl'] === undefined) return good({ kind: 'feed', ...number, invalidations });
      const claim = unpackClaim(raw['cl']);
      return claim ? good({ kind: 'feed', ...number, invalidations, claim }) : bad('claim');
    }
    case 'ask': {
      const { id } = raw;
      const question = unpackQuestion(raw);
      return isId(id) && question ? good({ kind: 'ask', id, question }) : bad('ask');
    }
    case 'tell': {
      const { id } = raw;
      const answer = unpackAnswer(raw);
      return isId(id) && answer ? good({ kind: 'tell', id, answer }) : bad('tell');
    }
    default:
      return typeof raw['k'] === 'string' ? later(raw, `kind ${raw['k']}`) : bad('no kind');
  }
}

function good(message: WireMessage): Decoded<WireMessage> {
  return { ok: true, message };
}
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
/** JSON has no infinity, but a number that is too big becomes one. */
function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}
function copy(position: Position): Position {
  return { era: position.era, xid: position.xid };
}

/** Events of one era share it: `[[era, [key, n, key, n, …]], …]`. */
function packEvents(invalidations: readonly Invalidation[]): unknown[] {
  const byEra = new Map<number, (string | number)[]>();
  for (const { key, version } of invalidations) {
    let flat = byEra.get(version.era);
    if (!flat) byEra.set(version.era, (flat = []));
    flat.push(key, version.n);
  }
  return [...byEra];
}

function unpackEvents(raw: unknown): Invalidation[] | null {
  if (!Array.isArray(raw)) return null;
  const events: Invalidation[] = [];
  for (const group of raw as unknown[]) {
    if (!Array.isArray(group) || !isOrdinal(group[0]) || !Array.isArray(group[1])) return null;
    const flat = group[1] as unknown[];
    for (let i = 0; i < flat.length; i += 2) {
      const key = flat[i];
      const n = flat[i + 1];
      if (!isKey(key) || !isOrdinal(n)) return null;
      const version: Version = { era: group[0], n };
      events.push({ key, version });
    }
  }
  return events.length <= MESSAGE_EVENTS_MAX ? events : null;
}

function packNumber({ life, seq }: Numbering): { l: string; s: number } {
  return { l: life, s: seq };
}

function packEchoes(echoes: readonly Echo[]): unknown[] {
  return echoes.map(({ life, ping }) => [life, ping]);
}

function unpackEchoes(raw: unknown): Echo[] | null {
  if (!Array.isArray(raw) || raw.length > ECHOES_MAX) return null;
  const echoes: Echo[] = [];
  for (const entry of raw as unknown[]) {
    if (!Array.isArray(entry) || !isId(entry[0]) || !isOrdinal(entry[1])) return null;
    echoes.push({ life: entry[0], ping: entry[1] });
  }
  return echoes;
}

function unpackClaim(raw: unknown): Claim | null {
  if (!isObject(raw)) return null;
  const { sh, wh, ec } = raw;
  const echoes = unpackEchoes(ec);
  const shown = unpackShown(sh);
  return shown && echoes && typeof wh === 'boolean' ? { shown, whole: wh, echoes } : null;
}

function packShown(shown: readonly Shown[]): unknown[] {
  return shown.map(({ incarnation, lineage, revision }) => [incarnation, lineage, revision]);
}

function unpackShown(raw: unknown): Shown[] | null {
  if (!Array.isArray(raw) || raw.length > PARTITIONS_MAX) return null;
  const shown: Shown[] = [];
  for (const entry of raw as unknown[]) {
    if (!Array.isArray(entry) || !isId(entry[0]) || !isId(entry[1]) || !isOrdinal(entry[2])) return null;
    shown.push({ incarnation: entry[0], lineage: entry[1], revision: entry[2] });
  }
  return shown;
}
