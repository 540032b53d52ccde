import {
  type Advice,
  type Choice,
  durationText,
  type MeasuredKeyspace,
  percent,
  perSecond,
  type Prediction,
} from '@tidemark/advisor';
import { columns, paint, size } from './paint.ts';

const TITLES: Readonly<Record<Choice, string>> = {
  'no-cache': 'No cache',
  'ttl-only': 'TTL only: cache without invalidation',
  'change-data-capture': 'Cache-aside, invalidated by change data capture',
  'write-through': "Write-through: cache-aside with onWrite 'update'",
  'cache-aside': 'Cache-aside with invalidation',
};

const COUNT = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });

/** What was measured, beside what is advised. */
export interface Measured {
  readonly keyspace: MeasuredKeyspace;
  readonly notes: readonly string[];
}

/** Advice for a person: what to do, why, what it brings, and code. */
export function adviceText(advice: Advice, measured: Measured | null): string {
  const { choice, reasons, prediction, alternatives, assumptions, snippet, workload } = advice;
  const notes = [...(measured?.notes ?? []), ...assumptions];
  return [
    `${paint.bold(workload.name)}  ${paint.green(TITLES[choice])}`,
    ...reasons.map((reason) => `  ${reason}`),
    '',
    paint.bold(choice === 'no-cache' ? 'What a cache would bring' : 'What to expect'),
    columns(figures(advice, prediction, measured?.keyspace ?? null), '  '),
    ...(advice.proposal ? ['', paint.bold('Settings'), columns(settings(advice), '  ')] : []),
    '',
    paint.bold('Why not'),
    columns(alternatives.map(alternativeRow), '  '),
    '',
    paint.bold('Taken for granted'),
    ...notes.map((note) => `  ${note}`),
    ...(snippet === null ? [] : ['', paint.bold('To paste'), snippet.replaceAll(/^/gm, '  ')]),
  ].join('\n');
}

function figures(
  { latency, savings, workload }: Advice,
  { l1, l2, misses, loads, reads, entries }: Prediction,
  measured: MeasuredKeyspace | null,
): string[][] {
  const rows = [
    ['hits of L1', percent(l1), measured ? percent(measured.l1) : ''],
    ['hits of L2', percent(l2), measured ? percent(measured.l2) : ''],
    ['misses', percent(misses), measured ? percent(measured.misses) : ''],
    [
      'loads',
      `${perSecond(loads)}, without caches ${perSecond(reads)}`,
      measured ? perSecond(measured.loads) : '',
    ],
    [
      "in each region's Redis",
      `${COUNT.format(entries)} values, ${size(entries * workload.valueBytes)} of them`,
      '',
    ],
  ];
  if (latency) {
    const { p50Ms, meanMs, withoutMs } = latency;
    rows.push([
      'a read takes',
      `p50 ${COUNT.format(p50Ms)} ms, mean ${COUNT.format(meanMs)} ms; a load ${COUNT.format(withoutMs)} ms`,
      '',
    ]);
  }
  if (savings) {
    const money =
      savings.money === null
        ? ''
        : `, worth ${COUNT.format(savings.money)} at ${workload.pricePerMillion!} a million`;
    rows.push(['saves a month', `${COUNT.format(savings.queries)} queries${money}`, '']);
  }
  if (!measured) return rows.map((row) => row.slice(0, 2));
  return [['', paint.dim('expected'), paint.dim('measured now')], ...rows];
}

function settings({ proposal, workload }: Advice): string[][] {
  const { ttlS, negativeTtlS, onWrite, consistency, l1 } = proposal!;
  const bound = consistency.boundMs === undefined ? '' : ` ${durationText(consistency.boundMs / 1_000)}`;
  return [
    ['ttl', durationText(ttlS)],
    ...(workload.absent > 0 ? [['negativeTtl', durationText(negativeTtlS)]] : []),
    ['onWrite', onWrite],
    ['consistency', `${consistency.level}${bound}`],
    [
      'L1 of a node',
      l1 ? `${COUNT.format(l1.entriesMax)} entries, ${size(l1.bytesMax)}` : 'not worth having',
    ],
  ];
}

function alternativeRow({ choice, why, misses, loads }: Advice['alternatives'][number]): string[] {
  const expected = misses === null ? '' : `${percent(misses)} misses`;
  return [choice, expected, loads === null ? '' : `${perSecond(loads)} loads`, why];
}
