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
  section('Why', 'why', [
    'index',
    'cache-aside',
    'write-through',
    'expiry',
    'event-invalidation',
    'versions',
    'sharding',
    'write-behind',
    'stampede',
    'rate-limiting',
    'hierarchical',
    'pub-sub',
    'cache-service',
  ]),
  { text: 'Patterns', items: patterns },
  {
    text: 'Use',
    items: [
      { text: 'Testing your code', link: '/testing' },
      { text: 'Compare', link: '/compare' },
    ],
  },
  section('Migrate', 'migrate', [
    'index',
    'cache-manager',
    'bentocache',
    'redlock',
    'redis-semaphore',
    'rate-limiter-flexible',
    'express-rate-limit',
    'bullmq',
  ]),
  section(
    'Operate',
    'operate',
    ['index', 'acl', 'memory', 'topologies', 'managed', 'runbooks'],
    [
      { text: 'Growing', link: '/growing' },
      { text: 'Metrics, dashboard and alerts', link: '/observability/' },
      { text: 'Sizes', link: '/sizes' },
      { text: 'Benchmarks', link: '/benchmarks' },
      { text: 'Security', link: '/security' },
    ],
  ),
  section('Extend', 'extend', ['index', 'driver', 'codec', 'placement', 'policy']),
  {
    text: 'Inside',
    collapsed: true,
    items: [
      { text: 'Glossary', link: '/glossary' },
      { text: 'Architecture', link: '/architecture' },
      { text: 'The entry protocol', link: '/protocol' },
      { text: 'Contributing', link: '/contributing' },
      { text: 'Releasing', link: '/releasing' },
    ],
  },
  section('Decisions', 'decisions', [
    'leases-and-intents',
    'no-consumer-groups',
    'patterns-do-not-import-patterns',
    'resharding',
  ]),
]

export const sidebar: DefaultTheme.SidebarMulti = {
  '/': guide,
  '/api/': [{ text: 'API reference', link: '/api/', items: api }],
}

/** Returns the group of pages that are in one folder, in this order and under their own titles. */
function section(text: string, folder: string, pages: string[], more: Item[] = []): Item {
  const items = pages.map((page) => ({
    text: titleOf(`${folder}/${page}.md`),
    link: `/${folder}/${page === 'index' ? '' : page}`,
  }))
  return { text, collapsed: true, items: [...items, ...more] }
}

function titleOf(file: string): string {
  const page = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
  return /^# (.+)$/m.exec(page)![1]!
}
