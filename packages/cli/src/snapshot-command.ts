import { type CopiedBlock, type SnapshotSummary, storePeer, workOf, writeSnapshot } from '@tidemark/warmup';
import type { Command } from 'commander';
import { connectRegion, FROM_AFAR } from './connect-region.ts';
import { EXIT_INTERRUPTED, ExitError } from './failure.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';
import { listKeys } from './warm-list.ts';

const BLOCK = 500;
const LINE_MS = 2_000;

interface SaveFlags extends PlaceFlags {
  readonly out: string;
  readonly keyspace?: readonly string[];
  readonly match?: string;
}

async function save(flags: SaveFlags): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const parts = await connectRegion(placeOf(flags), FROM_AFAR);
  const { store, source } = parts;
  try {
    const narrow = {
      ...(flags.keyspace && { keyspaces: flags.keyspace }),
      ...(flags.match !== undefined && { match: flags.match }),
    };
    const own = storePeer(flags.region, store);
    const list = await listKeys({ ...narrow, own, source, peers: [own] });
    const copies = async function* (): AsyncGenerator<CopiedBlock> {
      for (const { keys } of workOf(list, BLOCK)) yield* (await own.read(keys)).blocks;
    };
    let saidMs = 0;
    const onProgress = ({ values }: SnapshotSummary): void => {
      if (performance.now() - saidMs < LINE_MS) return;
      saidMs = performance.now();
      const data = { type: 'progress', values, keys: list.keys.length };
      if (flags.json) say(flags, data, '');
      else process.stderr.write(`${values} of at most ${list.keys.length} values\n`);
    };
    const header = { source: flags.source, region: flags.region, savedAtMs: Date.now() };
    const summary = await writeSnapshot(flags.out, header, copies(), { signal: stopping.signal, onProgress });
    say(
      flags,
      { type: 'saved', file: flags.out, ...summary },
      `saved ${summary.values} values to ${flags.out}`,
    );
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    process.stderr.write(flags.json ? '' : 'interrupted: nothing was saved\n');
    throw new ExitError(EXIT_INTERRUPTED);
  } finally {
    await parts.close();
  }
}

/** Adds `snapshot save`. */
export function addSnapshotCommands(root: Command): void {
  const snapshot = root.command('snapshot').description("a region's cached values in a file");
  withPlace(snapshot.command('save'))
    .description('saves what the region may serve, most read keys first')
    .requiredOption('--out <file>', 'where to; an earlier file is replaced when this one is whole')
    .option('--keyspace <names...>', 'only keys of these keyspaces')
    .option('--match <pattern>', "only keys that match; * stands for any text, such as 'city:*'")
    .addHelpText(
      'after',
      `
Exit codes: 0 saved, 1 failed, 2 wrong usage or configuration, 130 interrupted.

Example:
  tidemark snapshot save --regions regions/local --region us-east --source shop --out shop.snapshot
  tidemark warm --regions regions/local --region eu-west --source shop --from snapshot:shop.snapshot`,
    )
    .action(save);
}
