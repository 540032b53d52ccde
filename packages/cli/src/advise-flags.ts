import type { Workload } from '@tidemark/advisor';
import type { Command } from 'commander';

/** What `advise` takes besides what describes a workload. */
export interface AdviseFlags {
  readonly workload?: string;
  readonly cluster?: string;
  readonly prometheus?: string;
  readonly keyspace?: string;
  readonly window: string;
  readonly timeout: string;
  readonly json?: true;
}

/** Each field of a workload: what its option takes, null for none, and what it means. */
const FIELDS: Readonly<Record<keyof Workload, readonly [takes: string | null, what: string]>> = {
  name: ['name', "the keyspace's name, for the snippet"],
  reads: ['rate', 'reads by all nodes together, such as 5000/s'],
  writes: ['rate', 'writes to the rows that are cached, such as 20/s'],
  keys: ['count', 'keys that are read at all'],
  zipf: ['exponent', "of the reads' popularity: 0 is uniform (default: 0.9)"],
  writeZipf: ['exponent', "of the writes' popularity (default: writes go where reads go)"],
  loadCost: ['duration', 'what a load takes on average, such as 8ms'],
  valueBytes: ['bytes', 'of an encoded value (default: 1000)'],
  staleness: ['duration', 'how long ago a value may have been superseded that is read; 0s: not at all'],
  readYourWrites: [null, 'users must see their own writes in every region'],
  dependencies: ['count', 'other keys that each value is made from (dependsOn)'],
  dependencyWrites: ['rate', 'writes to all of those (default: each as often as an average key)'],
  dependencyKeys: ['count', 'how many of those there are in all (default: as many as keys)'],
  nodes: ['count', 'processes of all regions together (default: one in each region)'],
  regions: ['count', 'regions (default: 1)'],
  writers: [
    'who',
    'library: all use Tidemark; triggers: others too; outside: others, and no triggers possible (default: library)',
  ],
  absent: ['share', 'of reads that ask for what does not exist, 0 to 1'],
  newKeys: ['share', 'of reads that ask for a key that nobody read before, 0 to 1'],
  l1Memory: ['bytes', "that a node's L1 may take (default: 64MiB)"],
  pricePerMillion: ['money', 'of a million queries of the source'],
};

/** `loadCost` as `--load-cost`. */
export function flagOf(field: string): string {
  return `--${field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function withWorkload(command: Command): Command {
  for (const [field, [takes, what]] of Object.entries(FIELDS)) {
    command.option(takes === null ? flagOf(field) : `${flagOf(field)} <${takes}>`, what);
  }
  return command
    .option(
      '--workload <file>',
      'the same as YAML or JSON, with names such as loadCost; or a table of clusters (.csv)',
    )
    .option('--cluster <name>', 'the row of such a table')
    .option(
      '--prometheus <url>',
      "measure: the Prometheus that scrapes a mesh's nodes; one advice for each keyspace",
    )
    .option('--keyspace <name>', 'only this one of those that were measured')
    .option('--window <duration>', 'how far back to measure', '1h')
    .option('--timeout <duration>', 'how long the Prometheus may take for a query', '10s')
    .option('--json', 'JSON on stdout, one document a line; errors as JSON on stderr');
}

/** What was said of the workload by flags. */
export function saidFields(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const said = Object.keys(FIELDS).filter((field) => flags[field] !== undefined);
  return Object.fromEntries(said.map((field) => [field, flags[field]]));
}
