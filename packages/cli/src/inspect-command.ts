import {
  compareVersions,
  type Duration,
  durationMs,
  formatPosition,
  formatVersion,
  jsonCodec,
  type Version,
} from '@tidemark/core';
import {
  inspectKey,
  type KeyNodes,
  type KeySource,
  type KeyStore,
  type KeyView,
  type Reached,
  type Serving,
} from '@tidemark/inspect';
import type { Command } from 'commander';
import { ExitError } from './failure.ts';
import {
  allReached,
  EXIT_INCOMPLETE,
  type MeshFlags,
  READING_CODES,
  withMesh,
  withOpenMesh,
} from './mesh-flags.ts';
import { columns, paint, shown, size, span } from './paint.ts';
import { say } from './place-flags.ts';

interface InspectFlags extends MeshFlags {
  readonly bound: Duration;
  readonly value?: true;
}

async function inspect(key: string, flags: InspectFlags): Promise<void> {
  const boundMs = durationMs(flags.bound, '--bound');
  const view = await withOpenMesh(flags, (mesh) =>
    inspectKey(mesh, key, { boundMs, data: flags.value === true, l1: true }),
  );
  say(flags, view, keyText(view));
  if (!allReached([view.source, ...view.regions, ...(view.l1 ?? [])])) throw new ExitError(EXIT_INCOMPLETE);
}

/** One key for a person. */
export function keyText(view: KeyView): string {
  return [
    `${paint.bold(view.key)}`,
    `${paint.bold('source')}  ${sourceText(view.source)}`,
    ...view.regions.map((each) => {
      const rows = nodeRows(view.l1?.find(({ region }) => region === each.region));
      return each.reachable
        ? `${paint.bold(each.region)}\n${columns([...storeRows(each), ...rows], '  ')}`
        : [
            `${paint.bold(each.region)}  ${paint.red('unreachable')}: ${each.reason}`,
            columns(rows, '  '),
          ].join('\n');
    }),
  ].join('\n');
}

function sourceText(source: Reached<KeySource>): string {
  if (!source.reachable) return `${paint.red('unreachable')}: ${source.reason}`;
  const { row, label, pin, horizon, scope, through } = source;
  const written = row
    ? `${formatVersion(row.version)}, ${row.deleted ? 'deleted' : 'written'} ${span(row.ageMs)} ago`
    : `never written, or collected after its delete; a load is labelled ${formatVersion(label)}`;
  return [
    written,
    ...(pin ? [`rolled back to the content of ${formatVersion(pin.origin)}`] : []),
    ...(scope > 0 ? [`keyspace invalidated at ${label.era}.${scope}`] : []),
    `horizon ${formatPosition(horizon)} (asked through ${through})`,
  ].join('; ');
}

function storeRows(store: KeyStore): string[][] {
  const { meta, tidemark, value, redis, retained, serves, fill } = store;
  const record = tidemark
    ? `tidemark ${formatVersion(tidemark)}, ${size(redis.bytes)}, forgotten in ${redis.leftMs === null ? 'never' : span(redis.leftMs)}`
    : 'none';
  return [
    ['record', record],
    ['value', value ? valueText(value) : 'none'],
    ...(redis.beside ? [['beside', besideText(redis.beside, tidemark)]] : []),
    ...(value?.dependencies ?? []).map(({ key, version, tidemark: now }) => [
      'made from',
      `${shown(key)} at ${formatVersion(version)}, now ${now ? formatVersion(now) : 'not watched'}`,
    ]),
    ...(store.data === undefined ? [] : [['content', contentText(store.data)]]),
    ['lease', redis.lease ? `held by ${redis.lease.holder}, for ${span(redis.lease.leftMs)}` : 'none'],
    [
      'store',
      meta
        ? `horizon ${formatPosition(meta.horizon)}, base ${formatPosition(meta.base)}, epoch ${meta.epoch}, scope ${meta.scope}, life ${meta.incarnation}`
        : 'has no state: it is new or was emptied',
    ],
    ...(retained.length > 0
      ? [['kept', retained.map(({ version }) => formatVersion(version)).join(', ')]]
      : []),
    ['eventual', servingText(serves.eventual)],
    [`bounded ${span(serves.bounded.ms)}`, servingText(serves.bounded)],
    ['session', servingText(serves.session)],
    ['latest', servingText(serves.latest)],
    ...(fill === null
      ? []
      : [['a load now', fill === 'admitted' ? 'would be cached' : `would not be cached: ${fill}`]]),
  ];
}

function nodeRows(l1: Reached<KeyNodes> | undefined): string[][] {
  if (!l1) return [];
  if (!l1.reachable) return [['L1', paint.red(`nodes can't be asked: ${l1.reason}`)]];
  if (l1.nodes.length === 0) return [['L1', 'no node answered']];
  return l1.nodes.map(({ node, held, absent, version, ageMs, freshLeftMs, served }) => {
    if (!held) return [`L1 ${shown(node)}`, 'nothing'];
    const what = `${version ? formatVersion(version) : 'no version'}${absent ? ', absence' : ''}`;
    const text = `${what}, taken ${span(ageMs)} ago, ${freshLeftMs > 0 ? `fresh for ${span(freshLeftMs)}` : 'past its TTL'}`;
    return [
      `L1 ${shown(node)}`,
      served ? paint.green(`${text}: served`) : paint.yellow(`${text}: not served`),
    ];
  });
}

function valueText({
  version,
  schema,
  bytes,
  generation,
  ageMs,
  freshLeftMs,
  staleLeftMs,
  scope,
}: NonNullable<KeyStore['value']>): string {
  const what = bytes === null ? 'absence' : size(bytes);
  const left =
    freshLeftMs > 0
      ? `fresh for ${span(freshLeftMs)}`
      : staleLeftMs > 0
        ? `stale, usable for ${span(staleLeftMs)}`
        : `expired ${span(-staleLeftMs)} ago`;
  const of = generation === null ? '' : ` of generation ${generation}`;
  return `${formatVersion(version)}, ${what}${of}, cached ${span(ageMs)} ago, ${left}, schema ${schema}, scope ${scope}`;
}

/** What an older release reads, while two run. */
function besideText(
  { schema, version, leftMs }: NonNullable<KeyStore['redis']['beside']>,
  tidemark: Version | null,
): string {
  const counts = tidemark !== null && compareVersions(version, tidemark) === 0;
  return `${formatVersion(version)}, schema ${schema}, ${counts ? `for ${span(leftMs)}` : 'not served: it is not labelled with the tidemark'}`;
}

/** What the default codec reads, else base64. */
function contentText(data: string | null): string {
  if (data === null) return 'absence';
  try {
    return shown(JSON.stringify(jsonCodec.decode(Buffer.from(data, 'base64'))), 2_000);
  } catch {
    return shown(`base64 ${data}`, 2_000);
  }
}

function servingText({ served, text }: Serving): string {
  return served ? paint.green(text) : paint.yellow(text);
}

/** Adds `inspect`. */
export function addInspectCommand(root: Command): void {
  withMesh(root.command('inspect'))
    .alias('get')
    .argument('<key>', 'an encoded key, such as product:12345')
    .description('shows a key in every tier of every region, and whether and why it would be served')
    .option('--bound <duration>', 'the bound that a bounded read is tried with', '2s')
    .option('--value', 'show the cached values too')
    .addHelpText(
      'after',
      `${READING_CODES}
A service of an older schemaVersion than the value's reads the one that is kept beside it. L1s are those of the nodes that answer within a second.

Examples:
  tidemark inspect product:12345 --regions regions/local --source shop
  tidemark inspect product:12345 --regions regions/local --source shop --region eu-west --bound 500ms --value --json`,
    )
    .action(inspect);
}
