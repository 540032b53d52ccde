import { type Fill, FormatError, isKey, isVersion, keyspaceOf } from '@tidemark/core';
import { lifeOf } from './meta-text.ts';
import { recordOf } from './record-writer.ts';

/** Fills of one script call, and bytes of their values: it blocks Redis for about a millisecond. */
const FILLS_MAX = 128;
const BYTES_MAX = 262_144;

/** Fills that go in one call of the script; one that is `alone` goes by the script for one. */
export interface Bulk {
  readonly fills: readonly Fill[];
  readonly alone: boolean;
}

/**
 * Fills in their order, cut where the script needs it. Alone go those with a lease, or without a version, and those
 * of values that lie in bodies.
 */
export function bulksOf(fills: readonly Fill[], inlineBytesMax: number): Bulk[] {
  const bulks: Bulk[] = [];
  let open: Fill[] = [];
  let bytes = 0;
  for (const fill of fills) {
    const length = fill.data?.byteLength ?? 0;
    if (fill.lease !== null || fill.version === null || length > inlineBytesMax) {
      bulks.push({ fills: [fill], alone: true });
      open = [];
      continue;
    }
    const fits = open.length < FILLS_MAX && bytes + length <= BYTES_MAX && sawAlike(open[0] ?? fill, fill);
    if (!fits || open.length === 0) {
      open = [];
      bytes = 0;
      bulks.push({ fills: open, alone: false });
    }
    open.push(fill);
    bytes += length;
  }
  return bulks;
}

/** What the script takes after its keys. */
export function bulkArguments(fills: readonly Fill[], tombstoneTtlMs: number): (string | number | Buffer)[] {
  const { incarnation, epoch, revision, asOf } = fills[0]!;
  const life = lifeOf(incarnation);
  const args: (string | number | Buffer)[] = [incarnation, epoch, revision, asOf.era, asOf.xid];
  args.push(tombstoneTtlMs / 2, tombstoneTtlMs);
  for (const fill of fills) {
    if (!isKey(fill.key) || !isVersion(fill.version)) {
      throw new FormatError(
        `a fill of ${JSON.stringify(fill.key)} has a key or version that no store can keep`,
      );
    }
    args.push(keyspaceOf(fill.key), fill.replaces ?? '', recordOf(fill, life));
  }
  return args;
}

function sawAlike(a: Fill, b: Fill): boolean {
  return (
    a.incarnation === b.incarnation &&
    a.epoch === b.epoch &&
    a.revision === b.revision &&
    a.asOf.era === b.asOf.era &&
    a.asOf.xid === b.asOf.xid
  );
}
