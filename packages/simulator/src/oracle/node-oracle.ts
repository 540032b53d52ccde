import {
  compareVersions,
  decodeMessage,
  type Invalidation,
  isScopeKey,
  maxVersion,
  type Version,
} from '@tidemark/core';
import type { Judge } from './judge.ts';

/** Remembers all that one process heard, and what it served. */
export class NodeOracle {
  readonly #judge: Judge;
  readonly #process: string;
  readonly #region: string;
  readonly #heard = new Map<string, Version>();

  constructor(judge: Judge, process: string, region: string) {
    this.#judge = judge;
    this.#process = process;
    this.#region = region;
  }

  /** A message of its region's feed came. */
  heard(data: string): void {
    const decoded = decodeMessage(data);
    if (decoded.ok && decoded.message.kind === 'feed') this.knows(decoded.message.invalidations);
  }

  /** It learnt of versions: by the feed, or because it wrote them. */
  knows(invalidations: readonly Invalidation[]): void {
    for (const { key, version } of invalidations) {
      if (!isScopeKey(key)) this.#heard.set(key, maxVersion(this.#heard.get(key) ?? version, version));
    }
  }

  heardOf(key: string): Version | undefined {
    return this.#heard.get(key);
  }

  /** I2: no tier serves what is older than what was known there when the read began. */
  served(key: string, tier: string, version: Version, floor: Version | undefined, why: string): void {
    if (!floor || compareVersions(version, floor) >= 0) return;
    this.#judge.violated({
      invariant: 'I2',
      key,
      region: this.#region,
      process: this.#process,
      what: `${tier} served ${version.era}.${version.n} (${why}), but ${floor.era}.${floor.n} was known before the read began`,
    });
  }
}
