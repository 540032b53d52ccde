import type { Violation } from '@tidemark/checkers';
import { keyspaceOf, type Version } from '@tidemark/core';
import type { EventLoop } from '../kernel/event-loop.ts';
import type { Coverage } from '../run/coverage.ts';
import type { CommitLog } from '../servers/commit-log.ts';
import { type Released, rowKeyOf, valueOf } from '../run/rows.ts';

const VIOLATIONS_MAX = 20;

/** What a store was filled with. */
interface Labelled {
  readonly key: string;
  readonly version: Version;
  readonly schema: number;
  readonly data: Uint8Array | null;
}

/** Collects what a run has shown to be broken, and knows what was really committed. */
export class Judge {
  readonly coverage: Coverage;
  readonly violations: Violation[] = [];
  readonly #loop: EventLoop;
  readonly #log: CommitLog;
  readonly #era: () => number;

  constructor(loop: EventLoop, log: CommitLog, era: () => number, coverage: Coverage) {
    this.#loop = loop;
    this.#log = log;
    this.#era = era;
    this.coverage = coverage;
  }

  nowMs(): number {
    return this.#loop.nowMs;
  }

  violated(violation: Omit<Violation, 'atMs'>): void {
    if (this.violations.length < VIOLATIONS_MAX)
      this.violations.push({ ...violation, atMs: this.#loop.nowMs });
  }

  /** Integrity: what was read was committed, and is of the reader's own release. */
  value(
    { region, name }: { readonly region: string; readonly name: string },
    key: string,
    value: Released | null,
    release: number,
  ): void {
    if (value && value.release !== release) {
      this.violated({
        invariant: 'integrity',
        key,
        region,
        process: name,
        what: `read what release ${value.release} encoded, but is of release ${release}`,
      });
    }
    if (value && !this.#log.of(key, value.write)) {
      this.violated({
        invariant: 'integrity',
        key,
        region,
        process: name,
        what: `read ${value.write}, which was never committed`,
      });
    }
  }

  /** Whether this is the version of a commit: where deletes were collected, one number stands for all that is gone. */
  minted(key: string, { n }: Version): boolean {
    return this.#log.minted(key, n);
  }

  /** I1: a label may be too old, never too new; and what the source has forgotten bears no label of now. */
  label(region: string, { key, version, schema, data }: Labelled): void {
    const value = keyspaceOf(key) === 'row' || keyspaceOf(key) === 'copy' ? valueOf(data) : null;
    if (!value) return;
    if (value.release !== schema) {
      this.violated({
        invariant: 'integrity',
        key,
        region,
        process: region,
        what: `labels what release ${value.release} encoded as of release ${schema}`,
      });
    }
    if (keyspaceOf(key) !== 'row') return;
    const commit = this.#log.of(rowKeyOf(key), value.write);
    if (!commit) {
      this.violated({
        invariant: 'integrity',
        key,
        region,
        process: region,
        what: `holds ${value.write}, which was never committed`,
      });
    } else if (!this.#log.remembers(commit)) {
      if (version.era > commit.era) {
        this.violated({
          invariant: 'I12',
          key,
          region,
          process: region,
          what: `labels ${value.write} as ${version.era}.${version.n}, but era ${commit.era} ended without it`,
        });
      }
    } else if (version.era === this.#era() && version.n > commit.n) {
      this.violated({
        invariant: 'I1',
        key,
        region,
        process: region,
        what: `labels ${value.write} as ${version.era}.${version.n}; it is ${commit.era}.${commit.n}`,
      });
    }
  }
}
