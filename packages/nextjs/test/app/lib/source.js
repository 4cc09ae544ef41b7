import { unstable_cache } from 'next/cache'
import { cacheLife, cacheTag } from 'next/cache'

/** Asks the server of the test, which counts. The build has none. */
export async function ask(name, init) {
  if (process.env.SOURCE_URL === undefined) return `${name}: built`
  const response = await fetch(`${process.env.SOURCE_URL}/${name}`, init ?? { cache: 'no-store' })
  return response.text()
}

export async function cachedItem(id) {
  'use cache'
  cacheTag('items', `item-${id}`)
  cacheLife({ stale: 30, revalidate: 3_600, expire: 7_200 })
  return ask(`item-${id}`)
}

export async function cachedBytes() {
  'use cache'
  cacheTag('bytes')
  cacheLife({ stale: 30, revalidate: 3_600, expire: 7_200 })
  return { text: await ask('bytes'), list: new Map([['a', 1n]]), at: new Date(0) }
}

export const unstableItem = unstable_cache(async (id) => ask(`unstable-${id}`), ['unstable'], {
  tags: ['unstable'],
  revalidate: 3_600,
})

export const fetchedItem = (id) =>
  ask(`fetched-${id}`, { cache: 'force-cache', next: { tags: ['fetched'], revalidate: 3_600 } })
