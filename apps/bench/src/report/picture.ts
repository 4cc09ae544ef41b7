import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Result, Scenario } from '../scenarios/scenario.js'

export interface Measured {
  readonly scenario: Pick<Scenario, 'name' | 'about'>
  readonly result: Result
}

/** The colours of pictures. */
export const themes = {
  light: {
    background: 'white',
    text: '#1f2328',
    quiet: '#59636e',
    ours: '#c6302b',
    others: '#b9c0c7',
    grid: '#e5e8eb',
  },
  dark: {
    background: '#0d1117',
    text: '#e6edf3',
    quiet: '#9198a1',
    ours: '#f4675f',
    others: '#59636e',
    grid: '#262c36',
  },
}
type Colours = (typeof themes)['light']

/** Draws scenarios below each other, as SVG: one bar for each contender that gave an answer. */
export async function picture(
  measured: readonly Measured[],
  colours: Colours = themes.light,
): Promise<string> {
  const { background, text, quiet, grid } = colours
  const spec = {
    background,
    padding: 16,
    vconcat: measured.map((one) => chart(one, colours)),
    spacing: 32,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    config: {
      view: { stroke: null },
      font: 'sans-serif',
      title: { color: text, subtitleColor: quiet },
      axis: { labelColor: text, titleColor: quiet, gridColor: grid, domainColor: grid },
      text: { color: text },
    },
  } as TopLevelSpec
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}

function chart({ scenario: { name, about }, result }: Measured, { ours, others }: Colours) {
  const { shown, better, rows } = result
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
    axis: { labelLimit: 340, minExtent: 290, ticks: false, domain: false },
  }
  const x = { field: 'value', type: 'quantitative', title: `${shown} (${better} is better)` }
  return {
    title: { text: name, subtitle: wrapped(about), anchor: 'start' },
    width: 400,
    data: { values },
    layer: [
      {
        mark: { type: 'bar', cornerRadiusEnd: 2 },
        encoding: {
          y,
          x,
          color: {
            field: 'ours',
            legend: null,
            scale: { domain: [true, false], range: [ours, others] },
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { y, x, text: { field: 'label' } },
      },
    ],
  }
}

function wrapped(text: string): string[] {
  return text.match(/.{1,90}(\s|$)/g)!.map((line) => line.trim())
}
