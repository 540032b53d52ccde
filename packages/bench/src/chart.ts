import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ScenarioReport } from './report.ts';

/** The scenario's medians as horizontal bars, one panel for each metric, as SVG. */
export async function chart({ title, rows }: ScenarioReport): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    background: 'white',
    data: {
      values: rows.map(({ subject, metric, median }) => ({
        subject,
        metric: `${metric.name}, ${metric.unit} (${metric.better} is better)`,
        median,
        own: subject === 'tidemark',
      })),
    },
    facet: {
      row: {
        field: 'metric',
        type: 'nominal',
        title: null,
        header: { labelAngle: 0, labelAlign: 'left', labelOrient: 'top' },
        sort: null,
      },
    },
    spec: {
      width: 480,
      height: { step: 18 },
      mark: { type: 'bar', tooltip: false },
      encoding: {
        y: { field: 'subject', type: 'nominal', title: null, sort: null },
        x: { field: 'median', type: 'quantitative', title: null },
        color: {
          field: 'own',
          type: 'nominal',
          legend: null,
          scale: { domain: [true, false], range: ['#0b7285', '#adb5bd'] },
        },
      },
    },
    resolve: { scale: { x: 'independent', y: 'independent' } },
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
