import { trackCommand } from '@tidemark/inspect';
import {
  inspectSource,
  migrate as migrateSchema,
  postgresSource,
  SCHEMA_VERSION,
  schemaVersion,
  type TrackedTable,
  trackedTables,
  trackingProblems,
  trackTable,
  untrackTable,
} from '@tidemark/postgres';
import { loadRegions } from '@tidemark/regions';
import { type Command, CommanderError, Option } from 'commander';
import pg from 'pg';
import { EXIT_CODES } from './exit-codes.ts';
import { EXIT_USAGE, ExitError } from './failure.ts';
import { EXIT_INCOMPLETE } from './mesh-flags.ts';
import { columns, paint } from './paint.ts';
import { say } from './place-flags.ts';

const CONNECT_MS = 5_000;

interface PostgresFlags {
  readonly regions?: string;
  readonly region?: string;
  readonly url?: string;
  readonly json?: true;
}

/** Its url: given, or of a region's file, by default of the home region's. */
async function urlOf({ url, regions, region }: PostgresFlags): Promise<string> {
  if (url !== undefined) return url;
  if (regions === undefined) {
    throw new CommanderError(
      EXIT_USAGE,
      'tidemark.url',
      'error: give --url, or --regions for the address of the home region',
    );
  }
  const set = await loadRegions(regions);
  return (region === undefined ? set.home : set.get(region)).endpoints.postgres;
}

async function withPool<T>(flags: PostgresFlags, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({
    connectionString: await urlOf(flags),
    max: 1,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'tidemark command',
  });
  pool.on('error', () => {}); // Its next statement reports it.
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

async function migrate(flags: PostgresFlags & { readonly grantTo?: readonly string[] }): Promise<void> {
  const applied = await withPool(flags, (pool) => migrateSchema(pool, { grantTo: flags.grantTo ?? [] }));
  const text =
    applied.length === 0 ? 'the schema was up to date' : `applied migrations ${applied.join(', ')}`;
  say(flags, { applied, version: SCHEMA_VERSION }, `${text}; it is at ${SCHEMA_VERSION}`);
}

interface TrackFlags extends PostgresFlags {
  readonly keyspace: string;
  readonly key: TrackedTable['keys'];
}

async function track(table: string, flags: TrackFlags): Promise<void> {
  const { keyspace, key: keys } = flags;
  await withPool(flags, (pool) => trackTable(pool, { table, keyspace, keys }));
  say(
    flags,
    { table, keyspace, keys },
    `${table}: every write now invalidates keys of ${keyspace}; what it cached before is void`,
  );
}

async function untrack(table: string, flags: TrackFlags): Promise<void> {
  const { keyspace } = flags;
  await withPool(flags, (pool) => untrackTable(pool, table, keyspace));
  say(
    flags,
    { table, keyspace },
    `${table}: writes no longer invalidate keys of ${keyspace}, unless the writers do`,
  );
}

async function status(flags: PostgresFlags): Promise<void> {
  const version = await withPool(flags, schemaVersion);
  const known = { version, expected: SCHEMA_VERSION };
  if (version !== SCHEMA_VERSION) {
    const what = version < SCHEMA_VERSION ? 'run tidemark postgres migrate' : 'upgrade this program';
    say(
      flags,
      { ...known, tables: null, problems: null, source: null },
      paint.red(`the schema is at ${version}, and ${SCHEMA_VERSION} is needed: ${what}`),
    );
    throw new ExitError(EXIT_INCOMPLETE);
  }
  const tables = await withPool(flags, trackedTables);
  const source = postgresSource({
    connectionString: await urlOf(flags),
    poolMax: 1,
    connectTimeoutMs: CONNECT_MS,
  });
  try {
    const [problems, facts] = [await trackingProblems(source.db), await inspectSource(source.db).server()];
    const rows = tables.map(({ table, keyspace, keys }) => [
      table,
      keyspace,
      keys.map((key) => (typeof key === 'string' ? key : `${key.digest} (digest)`)).join(', '),
    ]);
    const text = [
      `Postgres ${facts.version}, schema at ${version}, era ${facts.horizon.era}`,
      tables.length === 0
        ? 'no tables are tracked'
        : columns([['table', 'keyspace', 'key'].map((each) => paint.dim(each)), ...rows]),
      ...problems.map(({ table, keyspace, statement, problem, tracked }) =>
        problem === 'outdated'
          ? `${table}: its ${statement} trigger for ${keyspace} is an earlier release's, and slower; run tidemark postgres migrate as the table's owner`
          : paint.red(
              `${table}: its ${statement} trigger for ${keyspace} is ${problem}; run ${trackCommand(tracked)}`,
            ),
      ),
    ];
    say(flags, { ...known, tables, problems, source: facts }, text.join('\n'));
    if (problems.some(({ problem }) => problem !== 'outdated')) throw new ExitError(EXIT_INCOMPLETE);
  } finally {
    await source.close();
  }
}

function withPostgres(command: Command): Command {
  return command
    .option('--regions <dir>', "folder of region files: the home region's address is used")
    .option('--region <id>', "another region's address")
    .option('--url <url>', 'the address itself, such as postgres://admin@db:5432/shop')
    .option('--json', 'JSON on stdout; errors as JSON on stderr');
}

function withTable(command: Command): Command {
  return withPostgres(command)
    .argument('<table>', 'table or schema.table, quoted where SQL needs it')
    .requiredOption('--keyspace <name>', 'whose keys its rows have');
}

type Key = TrackedTable['keys'][number];

/** Adds `postgres`. */
export function addPostgresCommands(root: Command): void {
  const postgres = root
    .command('postgres')
    .description('the schema tidemark, and the tables whose writes invalidate');
  withPostgres(postgres.command('migrate'))
    .description('brings the schema and the triggers of tracked tables up to date')
    .option('--grant-to <roles...>', 'database roles of services, which get the use of its functions')
    .addHelpText(
      'after',
      `${EXIT_CODES}
Needs a role that may create a schema and read pg_control_system().

Example:
  tidemark postgres migrate --url postgres://admin@db:5432/shop --grant-to shop_service`,
    )
    .action(migrate);
  withTable(postgres.command('track'))
    .description('has every write of a table invalidate, whoever writes')
    .addOption(
      new Option(
        '--key <columns...>',
        "columns that make the key, in the order of the keyspace's parameters; a digest as digest:column",
      )
        .argParser((text: string, before: readonly Key[] | undefined): readonly Key[] => [
          ...(before ?? []),
          ...text
            .split(',')
            .map((each): Key => (each.startsWith('digest:') ? { digest: each.slice(7) } : each)),
        ])
        .makeOptionMandatory(),
    )
    .addHelpText(
      'after',
      `${EXIT_CODES}
Example:
  tidemark postgres track products --keyspace product --key id --regions regions/local`,
    )
    .action(track);
  withTable(postgres.command('untrack'))
    .description('takes the triggers of a keyspace off a table')
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExample:\n  tidemark postgres untrack products --keyspace product --regions regions/local`,
    )
    .action(untrack);
  withPostgres(postgres.command('status'))
    .description('shows the state of the schema, and the tracked tables')
    .addHelpText(
      'after',
      `\nExit codes: 0 in order, 1 failed, 2 wrong usage or configuration, 3 the schema is not up to date, or triggers are missing.\n
Example:\n  tidemark postgres status --regions regions/local --json`,
    )
    .action(status);
}
