import type { Answers } from './questions.js'

/** A part of a program. */
export interface Snippet {
  /** Packages that it needs, and why. */
  readonly packages: readonly (readonly [name: string, reason: string])[]
  /** What it imports: pairs of a module and a name. */
  readonly imports: readonly (readonly [module: string, name: string])[]
  readonly code: string
}

const rows = `// Your database.
const rows = new Map([[42, { id: 42, categoryId: 7, name: 'chair' }]])`

/** Returns the parts for cached reads. */
export function cacheOf(
  changes: Answers['changes'],
  invalidate: Answers['invalidate'],
  hot: boolean,
): Snippet[] {
  const cache = {
    row: changes === 'here' ? writeThrough : changes === 'anywhere' ? aside : expiring,
    group: changes === 'unknown' ? expiringGroups : groups,
    list: changes === 'unknown' ? expiringLists : lists,
  }[invalidate]
  return hot ? [near, withClient(cache, 'client: near')] : [cache]
}

function withClient(snippet: Snippet, client: string): Snippet {
  return { ...snippet, code: snippet.code.replace('client,', `${client},`) }
}

const near: Snippet = {
  packages: [['pubsub-invalidation', 'Hot entries in the process, kept correct by messages.']],
  imports: [
    ['@cache/pubsub-invalidation', 'createInvalidationBus'],
    ['@cache/pubsub-invalidation', 'withNearCache'],
  ],
  code: `const bus = createInvalidationBus({ client })
const near = withNearCache(client, { bus, maxBytes: '64mb', ttl: '30s' })`,
}

const aside: Snippet = {
  packages: [['aside', 'Cache-aside: your code loads, and says when it changes something.']],
  imports: [['@cache/aside', 'createReadThrough']],
  code: `${rows}
const products = createReadThrough({
  client,
  prefix: 'product',
  ttl: '1h',
  load: async (id: number) => rows.get(id),
})

console.log(await products.get(42)) // the chair, loaded once among all processes
await products.mutate(42, async () => rows.set(42, { id: 42, categoryId: 7, name: 'armchair' }))
console.log(await products.get(42)) // the armchair, in every process`,
}

const expiring: Snippet = {
  packages: [['aside', 'Read-through with a short ttl, since nobody tells you of changes.']],
  imports: [['@cache/aside', 'createReadThrough']],
  code: `${rows}
const products = createReadThrough({
  client,
  prefix: 'product',
  ttl: '30s', // how old a value may be …
  staleWhileRevalidate: '10s', // … plus this, in which it is served while it is loaded anew
  staleIfError: '1h', // … or this, while the source fails
  load: async (id: number) => rows.get(id),
})

console.log(await products.get(42)) // the chair, loaded once among all processes`,
}

const writeThrough: Snippet = {
  packages: [['write-through', 'Writes the source and the cache together.']],
  imports: [['@cache/write-through', 'createWriteThrough']],
  code: `${rows}
const products = createWriteThrough({
  client,
  prefix: 'product',
  ttl: '1h',
  load: async (id: number) => rows.get(id),
  store: async (id, patch: { name: string }) => {
    const row = { id, categoryId: 7, ...rows.get(id), ...patch }
    rows.set(id, row)
    return row // what the source has now
  },
})

console.log(await products.get(42)) // the chair
await products.update(42, { name: 'armchair' })
console.log(await products.get(42)) // the armchair, from Redis`,
}

const createGroups = `${rows}
const products = createVersioned({
  client,
  prefix: 'product',
  ttl: '1h',
  load: async (id: number) => rows.get(id),
  groups: (_id, product) => product && [\`category:\${product.categoryId}\`],
})

console.log(await products.get(42)) // the chair`

const groups: Snippet = {
  packages: [['versioning', 'Tags: one bump invalidates all entries of a group.']],
  imports: [['@cache/versioning', 'createVersioned']],
  code: `${createGroups}
await products.mutateGroups('category:7', async () => {
  for (const row of rows.values()) row.name = \`\${row.name} (sale)\`
})
console.log(await products.get(42)) // the chair (sale), in every process`,
}

const expiringGroups: Snippet = {
  ...groups,
  code: `${createGroups.replace("'1h'", "'30s'")}
await products.bump('category:7') // when you learn of a change; else the ttl ends the entries`,
}

const createLists = `${rows}
const products = createHierarchical({
  client,
  ttl: '1h',
  item: { prefix: 'product', id: (product: { id: number }) => product.id },
  group: { prefix: 'category', id: (product: { categoryId: number }) => product.categoryId },
  groupOf: async (id: number) => rows.get(id)?.categoryId,
  loadGroup: async (id: number) => [...rows.values()].filter((row) => row.categoryId === id),
})

console.log(await products.getGroup(7)) // all products of the category
console.log(await products.get(42)) // the chair, out of the same load`

const lists: Snippet = {
  packages: [['hierarchical', 'Items, and the lists that contain them.']],
  imports: [['@cache/hierarchical', 'createHierarchical']],
  code: `${createLists}
rows.set(42, { id: 42, categoryId: 8, name: 'chair' })
await products.invalidate(42) // the item, and both lists
console.log(await products.getGroup(7), await products.getGroup(8)) // it has moved`,
}

const expiringLists: Snippet = {
  ...lists,
  code: `${createLists.replace("'1h'", "'30s'")}
await products.invalidate(42) // when you learn of a change; else the ttl ends the entries`,
}

export const queue: Snippet = {
  packages: [['write-behind', 'Acknowledges writes in Redis; workers bring them to the database.']],
  imports: [
    ['@cache/write-behind', 'createWriteBehind'],
    ['@cache/write-behind', 'createWriteBehindWorker'],
  ],
  code: `const visits = new Map<string, { count: number; sequence: number }>()
const counters = createWriteBehind({
  client,
  prefix: 'visits',
  ttl: '1h',
  load: async (page: string) => visits.get(page)?.count,
  merge: (current, by: number) => (current ?? 0) + by,
})
const worker = createWriteBehindWorker<number>({
  client,
  prefix: 'visits',
  flush: async (writes) => {
    for (const { id, value, sequence } of writes) {
      const isNewer = sequence > (visits.get(id)?.sequence ?? 0)
      if (isNewer) visits.set(id, { count: value ?? 0, sequence })
    }
  },
})
const stop = new AbortController()
const running = worker.run({ signal: stop.signal }) // usually in a process of its own

await counters.update('/home', 1) // acknowledged: it is in Redis, and read from there
await counters.flushed('/home') // only if you must know that the database has it
console.log(visits.get('/home')?.count) // 1
stop.abort()
await running`,
}

export const lock: Snippet = {
  packages: [['lock', 'Locks whose holders learn when they lose them.']],
  imports: [['@cache/lock', 'createLocks']],
  code: `const locks = createLocks({ client })
await locks.withLock('invoice:7', async (lock) => {
  lock.assertHeld() // right before a step that must not happen twice
  console.log('mine, with fence', lock.fence)
})`,
}

export const limiter: Snippet = {
  packages: [['ratelimit', 'Exact limits over all processes.']],
  imports: [
    ['@cache/ratelimit', 'createRateLimiter'],
    ['@cache/ratelimit', 'slidingWindow'],
  ],
  code: `const limits = [slidingWindow({ limit: 100, window: '1m' })]
const limiter = createRateLimiter({ client, prefix: 'api', limits })
const { allowed, remaining, retryAfter } = await limiter.consume('user:42')
console.log(allowed, remaining, retryAfter) // true 99 0`,
}
