import type { ClusterCheck } from '@tidemark/advisor';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

const SIZE = 420;

/** Predicted over published misses, a dot for each cluster; on the line both are the same. */
export async function clusterChart(checks: readonly ClusterCheck[]): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: 'Misses of 40 clusters, % of reads',
    background: 'white',
    width: SIZE,
    height: SIZE,
    layer: [
      {
        data: { values: [{ at: 0 }, { at: 100 }] },
        mark: { type: 'line', color: '#adb5bd', strokeDash: [4, 4] },
        encoding: { x: { field: 'at', type: 'quantitative' }, y: { field: 'at', type: 'quantitative' } },
      },
      {
        data: {
          values: checks.map(({ published, predicted, pushed }) => ({
            published: published * 100,
            predicted: predicted * 100,
            kind: pushed ? 'more is written than read' : 'filled by readers',
          })),
        },
        mark: { type: 'point', filled: true, size: 60, opacity: 0.8, tooltip: false },
        encoding: {
          x: { field: 'published', type: 'quantitative', title: 'published' },
          y: { field: 'predicted', type: 'quantitative', title: 'predicted' },
          color: {
            field: 'kind',
            type: 'nominal',
            title: null,
            legend: { orient: 'bottom', labelLimit: 300 },
            scale: { range: ['#0b7285', '#c92a2a'] },
          },
        },
      },
    ],
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
