import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Result, Scenario } from '../scenarios/scenario.js'

/** One bar for each contender, as SVG. What never answered has no bar. */
export async function picture(
  { name, about }: Scenario,
  { shown, better, rows }: Result,
): Promise<string> {
  const values = rows.map((row) => ({
    name: row.name,
    value: typeof row[shown] === 'number' ? row[shown] : null,
    label: String(row[shown]),
    ours: row.name.startsWith('@cache/'),
  }))
  const y = {
    field: 'name',
    type: 'nominal',
    sort: null,
    title: null,
    axis: { labelLimit: 240, ticks: false, domain: false },
  } as const
  const spec: TopLevelSpec = {
    title: { text: name, subtitle: wrapped(about), anchor: 'start', subtitleColor: '#666' },
    width: 480,
    background: 'white',
    data: { values },
    layer: [
      {
        mark: { type: 'bar', cornerRadiusEnd: 2 },
        encoding: {
          y,
          x: { field: 'value', type: 'quantitative', title: `${shown} (${better} is better)` },
          color: {
            field: 'ours',
            legend: null,
            scale: { domain: [true, false], range: ['#c6302b', '#b9c0c7'] },
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { y, x: { field: 'value', type: 'quantitative' }, text: { field: 'label' } },
      },
    ],
    config: { view: { stroke: null }, font: 'sans-serif' },
  }
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}

function wrapped(text: string): string[] {
  return text.match(/.{1,90}(\s|$)/g)!.map((line) => line.trim())
}
