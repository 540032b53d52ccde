import type { Choice, Proposal } from './advice.ts';
import { counted, durationText } from './words.ts';
import type { Workload } from './workload.ts';

/** A keyspace as it would be declared, and how it is read: to paste, and to fill in. */
export function snippetOf(work: Workload, choice: Choice, proposal: Proposal): string {
  const { ttlS, negativeTtlS, onWrite, consistency, l1 } = proposal;
  const lines = [
    `const ${camel(work.name)} = keyspace({`,
    `  name: '${work.name}',`,
    `  params: { id: 'int' },`,
    `  ttl: '${durationText(ttlS)}',`,
    ...(work.absent > 0 ? [`  negativeTtl: '${durationText(negativeTtlS)}',`] : []),
    ...(onWrite === 'invalidate' ? [] : [`  onWrite: '${onWrite}',`]),
    ...(work.dependencies > 0 ? ['  dependsOn: ({ id }) => [/* the keys it is made from */],'] : []),
    "  load: ({ id }, { db }) => db.maybeOne('select …', [id]),",
    '});',
    'const node = await startNode({',
    `  keyspaces: [${camel(work.name)}], …`,
    ...(l1
      ? [
          `  l1EntriesMax: ${grouped(l1.entriesMax)}, // for this keyspace: add what others need`,
          `  l1BytesMax: ${grouped(l1.bytesMax)}, // ${counted(l1.bytesMax / 1_024 ** 2)} MiB`,
        ]
      : []),
    '});',
    readOf(work, proposal),
  ];
  return [...(choice === 'change-data-capture' ? [CAPTURE] : []), ...lines].join('\n');

  function readOf({ name }: Workload, { consistency: { level, boundMs } }: Proposal): string {
    const read = `await node.get(${camel(name)}, { id: 1 }`;
    if (level === 'latest') return `${read}, { consistency: 'latest' });`;
    if (level === 'bounded')
      return `${read}, { consistency: bounded('${durationText(boundMs! / 1_000)}') });`;
    return consistency.level === 'session' ? `${read}, { consistency: session });` : `${read});`;
  }
}

const CAPTURE = `// Whoever follows the database's log says for each change: select tidemark.bump(ARRAY['product:1'])`;

function camel(name: string): string {
  return `${name.replaceAll(/[-_]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}s`;
}

function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, '_');
}
