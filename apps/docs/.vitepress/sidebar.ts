// The order of the pages. The test of the site refuses a page that is missing here.
import { existsSync, readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

type Item = DefaultTheme.SidebarItem

/** The pages of the API reference, which `api-reference.mjs` has written. */
const apiPages = new URL('../api/typedoc-sidebar.json', import.meta.url)
const api = existsSync(apiPages) ? (JSON.parse(readFileSync(apiPages, 'utf8')) as Item[]) : []

export const nav: DefaultTheme.NavItem[] = [
  { text: 'Start', link: '/start' },
  { text: 'Why', link: '/why/', activeMatch: '^/why/' },
  { text: 'Choose', link: '/choose' },
  { text: 'Patterns', link: '/patterns/aside', activeMatch: '^/patterns/' },
  { text: 'Operate', link: '/operate/', activeMatch: '^/(operate|observability)/' },
  { text: 'API', link: '/api/', activeMatch: '^/api/' },
]

const patterns = [
  'core',
  'aside',
  'write-through',
  'write-behind',
  'lock',
  'ratelimit',
  'versioning',
  'hierarchical',
  'pubsub-invalidation',
  'sharding',
  'service',
  'otel',
  'memory',
  'testing',
].map((name): Item => ({ text: name, link: `/patterns/${name}` }))

const guide: Item[] = [
  {
    text: 'Introduction',
    items: [
      { text: 'Getting started', link: '/start' },
      { text: 'Choose a pattern', link: '/choose' },
      { text: 'Examples that run here', link: '/examples' },
    ],
  },
  section('Why', 'why', {}),
  { text: 'Patterns', items: patterns },
  {
    text: 'Use',
    items: [
      { text: 'Testing your code', link: '/testing' },
      { text: 'Compare', link: '/compare' },
    ],
  },
  section('Migrate from', 'migrate', {}),
  section('Operate', 'operate', {}, [
    { text: 'Growing', link: '/growing' },
    { text: 'Metrics, dashboard and alerts', link: '/observability/' },
    { text: 'Sizes', link: '/sizes' },
    { text: 'Benchmarks', link: '/benchmarks' },
    { text: 'Security', link: '/security' },
  ]),
  section('Extend', 'extend', {}),
  {
    text: 'Inside',
    collapsed: true,
    items: [
      { text: 'Glossary', link: '/glossary' },
      { text: 'Architecture', link: '/architecture' },
      { text: 'The entry protocol', link: '/protocol' },
      { text: 'Contributing', link: '/contributing' },
    ],
  },
  section('Decisions', 'decisions', {
    'leases-and-intents': 'Leases and intents',
    'no-consumer-groups': 'No consumer groups',
    'patterns-do-not-import-patterns': 'Patterns do not import patterns',
    resharding: 'Resharding',
  }),
]

export const sidebar: DefaultTheme.SidebarMulti = {
  '/': guide,
  '/api/': [{ text: 'API reference', link: '/api/', items: api }],
}

/** Returns the group of pages that are in one folder. */
function section(
  text: string,
  folder: string,
  pages: Readonly<Record<string, string>>,
  more: Item[] = [],
): Item {
  const items = Object.entries(pages).map(([page, title]) => ({
    text: title,
    link: `/${folder}/${page === 'index' ? '' : page}`,
  }))
  return { text, collapsed: true, items: [...items, ...more] }
}
