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
  { text: 'Migrate', link: '/migrate/', activeMatch: '^/migrate/' },
  { text: 'Operate', link: '/operate/', activeMatch: '^/(operate|observability)/' },
  { text: 'Extend', link: '/extend/', activeMatch: '^/extend/' },
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
  'http',
  'service',
  'keyv',
  'nestjs',
  'nextjs',
  'drizzle',
  'prisma',
  'otel',
  'glide',
  'memory',
  'testing',
].map((name): Item => ({ text: name, link: `/patterns/${name}` }))

const introduction: Item = {
  text: 'Introduction',
  items: [
    { text: 'Getting started', link: '/start' },
    { text: 'Choose a pattern', link: '/choose' },
    { text: 'Examples that run here', link: '/examples' },
    { text: 'Testing your code', link: '/testing' },
    { text: 'Compare', link: '/compare' },
  ],
}

const why = section('Why', 'why', [
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
])

const migrate = section('Migrate', 'migrate', [
  'index',
  'cache-manager',
  'bentocache',
  'redlock',
  'redis-semaphore',
  'rate-limiter-flexible',
  'express-rate-limit',
  'bullmq',
])

const operate = section(
  'Operate',
  'operate',
  ['index', 'acl', 'memory', 'topologies', 'managed', 'runbooks'],
  [
    { text: 'Growing', link: '/growing' },
    { text: 'Metrics, dashboard and alerts', link: '/observability/' },
    { text: 'Sizes', link: '/sizes' },
    { text: 'Benchmark', link: '/benchmark' },
    { text: 'How the benchmark measures', link: '/benchmarks' },
    { text: 'Security', link: '/security' },
  ],
)

const extend = section('Extend', 'extend', ['index', 'driver', 'codec', 'placement', 'policy'])

const inside: Item = {
  text: 'Inside',
  items: [
    { text: 'Glossary', link: '/glossary' },
    { text: 'Architecture', link: '/architecture' },
    { text: 'The entry protocol', link: '/protocol' },
    { text: 'Contributing', link: '/contributing' },
    { text: 'Releasing', link: '/releasing' },
  ],
}

const decisions = section('Decisions', 'decisions', [
  'leases-and-intents',
  'no-consumer-groups',
  'patterns-do-not-import-patterns',
  'resharding',
])

/** Each part of the site has its own sidebar; the other pages share the last one. */
export const sidebar: DefaultTheme.SidebarMulti = {
  '/why/': [why],
  '/patterns/': [{ text: 'Patterns', items: patterns }],
  '/migrate/': [migrate],
  '/operate/': [operate],
  '/observability/': [operate],
  '/extend/': [extend],
  '/api/': [{ text: 'API reference', link: '/api/', items: api }],
  '/': [introduction, inside, decisions, operate],
}

/** Returns the group of pages that are in one folder, in this order and under their own titles. */
function section(text: string, folder: string, pages: string[], more: Item[] = []): Item {
  const items = pages.map((page) => ({
    text: titleOf(`${folder}/${page}.md`),
    link: `/${folder}/${page === 'index' ? '' : page}`,
  }))
  return { text, items: [...items, ...more] }
}

function titleOf(file: string): string {
  const page = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
  return /^# (.+)$/m.exec(page)![1]!
}
