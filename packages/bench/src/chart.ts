import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ScenarioReport } from './report.ts';

/** The scenario as SVG: its courses over time if it has any, else its medians; one panel for each metric. */
export async function chart(report: ScenarioReport): Promise<string> {
  const view = new View(parse(compile(report.points ? courses(report) : bars(report)).spec), {
    renderer: 'none',
  });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

function courses({ title, points = [], rows }: ScenarioReport): TopLevelSpec {
  const unitOf = new Map(rows.map(({ metric }) => [metric.name, metric.unit]));
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    background: 'white',
    data: {
      values: points.map(({ subject, metric, value, atS }) => ({
        subject,
        metric: `${metric}, ${unitOf.get(metric) ?? 'count'}`,
        value,
        atS,
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
      width: 560,
      height: 150,
      mark: { type: 'line', interpolate: 'step-after', tooltip: false },
      encoding: {
        x: { field: 'atS', type: 'quantitative', title: 'seconds' },
        y: { field: 'value', type: 'quantitative', title: null },
        color: {
          field: 'subject',
          type: 'nominal',
          title: null,
          legend: { orient: 'bottom' },
          scale: { range: ['#c92a2a', '#0b7285'] },
        },
      },
    },
    resolve: { scale: { y: 'independent' } },
  };
}

function bars({ title, rows }: ScenarioReport): TopLevelSpec {
  return {
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
}
