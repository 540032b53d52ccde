import type { Value, Violation } from '@tidemark/checkers';
import { keyspaceOf, type Version } from '@tidemark/core';
import type { EventLoop } from '../kernel/event-loop.ts';
import type { Coverage } from '../run/coverage.ts';
import type { CommitLog } from '../servers/commit-log.ts';
import { rowKeyOf, valueOf } from '../run/rows.ts';

const VIOLATIONS_MAX = 20;

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

  /** Integrity: what was read was committed. */
  value(
    { region, name }: { readonly region: string; readonly name: string },
    key: string,
    value: Value | null,
  ): void {
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
  label(region: string, key: string, version: Version, data: Uint8Array | null): void {
    if (keyspaceOf(key) !== 'row') return;
    const value = valueOf(data);
    if (!value) return;
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
