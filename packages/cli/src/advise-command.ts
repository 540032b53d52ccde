import type { Command } from 'commander';
import { type AdviseFlags, withWorkload } from './advise-flags.ts';

/** Adds `advise`. */
export function addAdviseCommand(root: Command): void {
  withWorkload(root.command('advise'))
    .description('says whether and how to cache: from measured traffic, a workload file, or flags')
    .addHelpText(
      'after',
      `
Needed are reads, writes and keys; with --prometheus all is measured, and what you say counts for more.

Exit codes: 0 advice was given, also if it is not to cache, 1 nothing could be measured, 2 wrong usage or workload.

Examples:
  tidemark advise --reads 5000/s --writes 20/s --keys 1000000 --load-cost 8ms --staleness 2s --nodes 6 --regions 3
  tidemark advise --workload products.yaml --price-per-million 0.2 --json
  tidemark advise --prometheus http://prometheus:9090 --window 1d --keyspace product --staleness 5s
  tidemark advise --workload packages/bench/data/twitter-2020-workloads.csv --cluster cluster34`,
    )
    .action(async (flags: AdviseFlags) => {
      // Takes a while to load, and no other command needs it.
      const { runAdvise } = await import('./advise-run.ts');
      await runAdvise(flags);
    });
}
