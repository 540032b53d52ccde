import { checkError, type ClusterCheck } from '@tidemark/advisor';
import { median } from '../statistics.ts';

const CATEGORIES: Readonly<Record<number, string>> = {
  1: 'before a storage',
  2: 'before a computation',
  3: 'transient data',
};

/** Errors over all clusters, and over kinds of them, as a table. */
export function errorTable(checks: readonly ClusterCheck[]): string {
  const kinds: [string, readonly ClusterCheck[]][] = [
    ['all', checks],
    ...[1, 2, 3].map((category): [string, readonly ClusterCheck[]] => [
      CATEGORIES[category]!,
      checks.filter((each) => each.category === category),
    ]),
    ['filled by readers', checks.filter(({ pushed }) => !pushed)],
    ['more is written than read', checks.filter(({ pushed }) => pushed)],
  ];
  const lines = kinds.map(([name, of]) => errorLine(name, of));
  lines.push(errorLine('all, by the model alone', checks, ({ independent }) => independent));
  const guess = median(checks.map(({ published }) => published));
  lines.push(errorLine(`all, by one guess for each: ${points(guess)} %`, checks, () => guess));
  return [
    '| clusters | how many | median | mean | worst | within 5 points |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function errorLine(
  name: string,
  checks: readonly ClusterCheck[],
  of?: (check: ClusterCheck) => number,
): string {
  const { clusters, medianPoints, meanPoints, worstPoints, worst, within5 } = checkError(checks, of);
  return `| ${name} | ${clusters} | ${medianPoints.toFixed(1)} | ${meanPoints.toFixed(1)} | ${worstPoints.toFixed(1)} (${worst}) | ${Math.round(within5 * clusters)} |`;
}

/** Every cluster, as a page of the documentation. */
export function clusterPage(checks: readonly ClusterCheck[]): string {
  const lines = checks.map(({ cluster, category, pushed, predicted, independent, published }) => {
    const error = (predicted - published) * 100;
    const note = pushed ? `more is written than read; the model alone: ${points(independent)}` : '';
    return `| ${cluster} | ${points(published)} | ${points(predicted)} | ${error > 0 ? '+' : ''}${error.toFixed(1)} | ${CATEGORIES[category] ?? ''} | ${note} |`;
  });
  return `# The advisor's model against 40 clusters at Twitter

Made by \`npm run check-advisor -- --write-docs docs/reference\`; do not edit. What goes into the predictions, and what they can't know:
[the advisor's page](advisor.md#against-the-clusters-of-twitter). The table: \`packages/bench/data\`, from Yang, Yue, Rashmi, OSDI 2020, CC BY 4.0.

## Errors

Absolute differences between the predicted and the published share of reads that miss, in points of a hundred.

${errorTable(checks)}

![Predicted over published misses](benchmarks/advisor.svg)

## Every cluster

Misses of a hundred reads.

| cluster | published | predicted | error | kind | |
|---|---|---|---|---|---|
${lines.join('\n')}
`;
}

function points(share: number): string {
  return (share * 100).toFixed(2);
}
