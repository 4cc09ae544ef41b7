import { readFileSync } from 'node:fs'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { instrumentCache } from '../src/index.js'
import { exercise } from './exercise.js'
import { parsePromql, parseScrape, type Sample } from './promql.js'
import { scraping } from './scrape.js'

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: unknown }[]
  }
}
interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly annotations: Readonly<Record<string, string>>
    }[]
  }[]
}

const docs = new URL('../../../apps/docs/observability/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, docs), 'utf8')
const dashboard = JSON.parse(read('dashboard.json')) as Dashboard
const rules = (parse(read('alerts.yml')) as Rules).groups.flatMap((group) => group.rules)
const page = read('README.md')
const runbooks = read('../operate/runbooks.md')
const { homepage } = JSON.parse(read('../../../package.json')) as { homepage: string }

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z\d -]/g, '')
    .replaceAll(' ', '-')

let samples: readonly Sample[]
beforeAll(async () => {
  await using server = await startRedis()
  const redis = new Redis(server.url)
  const client = createCacheClient(ioredisDriver(redis), {
    namespace: 'shop',
    resilience: { readTimeout: '20s', writeTimeout: '20s' },
    onError: () => undefined,
  })
  await using prometheus = await scraping()
  using _ = instrumentCache({
    meter: prometheus.meter,
    tracer: false,
    clients: [client],
    timeout: '20s',
  })
  {
    await using _patterns = await exercise(client, server)
    samples = parseScrape(await prometheus.scrape())
  }
  await client.close()
  redis.disconnect()
}, 60_000)

/** Expects that each selector finds a scraped series, and that series have the labels. */
function expectScraped(expression: string, moreLabels: readonly string[] = []): void {
  const { selectors, texts, grouping } = parsePromql(expression)
  expect(selectors.length).toBeGreaterThan(0)
  const selected = selectors.flatMap((selector, i) => {
    const found = samples.filter(selector)
    expect(found.length, `series of ${texts[i]}`).toBeGreaterThan(0)
    return found
  })
  const labels = new Set(selected.flatMap((sample) => Object.keys(sample.labels)))
  for (const label of [...grouping, ...moreLabels]) expect([...labels]).toContain(label)
}

/** Replaces the variables of Grafana by what they stand for. */
function withoutVariables(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5m').replaceAll(/\$(job|cache)\b/g, '.*')
}

const TARGET = new Set(['job', 'instance'])
const labelsIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, label]) => label!).filter((label) => !TARGET.has(label))

const targets = dashboard.panels.flatMap(({ title, targets: own = [] }) =>
  own.map((target) => [title, target] as const),
)

describe('the dashboard', () => {
  it.each(targets)('%s shows what is exported', (_, { expr, legendFormat }) => {
    expectScraped(withoutVariables(expr), labelsIn(legendFormat, /\{\{(\w+)\}\}/g))
  })

  it('has variables of exported labels', () => {
    const queries = dashboard.templating.list
      .map(({ query }) => query)
      .flatMap((query) => (typeof query === 'object' ? [(query as { query: string }).query] : []))
    expect(queries).toHaveLength(2)
    for (const query of queries) {
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query)!
      expectScraped(withoutVariables(selector!), TARGET.has(label!) ? [] : [label!])
    }
  })

  it('has panels that do not overlap, each with its own id', () => {
    const { panels } = dashboard
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const [i, { gridPos: a, title }] of panels.entries()) {
      expect(a.x + a.w, title).toBeLessThanOrEqual(24)
      for (const { gridPos: b } of panels.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
        expect(apart, title).toBe(true)
      }
    }
  })
})

describe('the alert rules', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s watches what is exported',
    (_, { expr, annotations }) => {
      const used = Object.values(annotations).join(' ')
      expectScraped(expr, labelsIn(used, /\$labels\.(\w+)/g))
    },
  )

  it.each(rules.map((rule) => [rule.alert, rule.annotations.runbook_url] as const))(
    '%s links to its runbook, which names it',
    (alert, url) => {
      const [page, anchor] = url!.split('#')
      expect(page).toBe(`${homepage}operate/runbooks`)
      const section = runbooks
        .split(/^## /m)
        .find((text) => anchorOf(text.split('\n', 1)[0]!) === anchor)
      expect(section).toContain(`\`${alert}\``)
    },
  )

  it('are all described in the page', () => {
    for (const { alert } of rules) expect(page).toContain(`\`${alert}\``)
    const described = new Set(page.match(/`Cache[A-Z]\w+`/g))
    expect(described.size).toBe(rules.length)
  })
})

/** The names of the exported metrics, without the suffixes of their kinds. */
const exportedMetrics = (): string[] => [
  ...new Set(
    samples
      .filter(({ name }) => name.startsWith('cache_'))
      .map(({ name }) => name.replace(/(?<!circuit)_(total|bucket|sum|count)$/, '')),
  ),
]

it('each exported metric is on the dashboard', () => {
  const shown = targets.map(([, { expr }]) => parsePromql(withoutVariables(expr)).selectors).flat()
  const unshown = exportedMetrics().filter(
    (name) =>
      !samples.some(
        (sample) => sample.name.startsWith(name) && shown.some((selects) => selects(sample)),
      ),
  )
  expect(unshown).toEqual([])
})

it('the README of the package lists each exported metric with its attributes', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const underscored = (text: string): string => text.replaceAll(/[.-]/g, '_')
  const rows = new Map(
    [...readme.matchAll(/^\| `(cache\.[\w.]+)`.*$/gm)].map(([row, name]) => [
      underscored(name!),
      new Set(
        [...row.slice(row.indexOf(name!) + name!.length).matchAll(/`([a-z]+(?:\.\w+)+)`/g)].map(
          ([, attribute]) => underscored(attribute!),
        ),
      ),
    ]),
  )
  const exported = new Map(exportedMetrics().map((name) => [name, new Set<string>()]))
  for (const { name, labels } of samples)
    for (const label of Object.keys(labels).filter((key) => key !== 'le' && !/^otel_/.test(key)))
      exported.get(name.replace(/(?<!circuit)_(total|bucket|sum|count)$/, ''))?.add(label)
  expect(sorted(rows)).toEqual(sorted(exported))
})

function sorted(attributes: ReadonlyMap<string, ReadonlySet<string>>): Record<string, string[]> {
  return Object.fromEntries(
    [...attributes].sort().map(([name, labels]) => [name, [...labels].sort()]),
  )
}

it('a selector of a metric or a label that is not exported is found out', () => {
  expect(() => expectScraped('rate(cache_request_total[5m])')).toThrow('cache_request_total')
  expect(() => expectScraped('cache_requests_total{cache_result="hits"}')).toThrow('hits')
  expect(() => expectScraped('sum by (cache_prefix) (cache_requests_total)')).toThrow(
    'cache_prefix',
  )
  expect(() => expectScraped('sum by (')).toThrow('No PromQL')
})

describe('the runbooks', () => {
  it('name only metrics and labels that are exported', () => {
    const exported = new Set(samples.flatMap(({ name, labels }) => [name, ...Object.keys(labels)]))
    const named = new Set(runbooks.match(/\bcache_[a-z_]+/g))
    expect(named.size).toBeGreaterThan(10)
    const isExported = (name: string) => exported.has(name) || exported.has(`${name}_count`)
    expect([...named].filter((name) => !isExported(name))).toEqual([])
  })

  it('name only alerts that there are', () => {
    const alerts = rules.map(({ alert }) => alert)
    const named = runbooks.match(/`Cache[A-Z]\w+`/g)!.map((name) => name.slice(1, -1))
    expect(named.filter((name) => !alerts.includes(name))).toEqual([])
  })
})
