import { ask, cachedItem } from '../../../lib/source.js'
import { cacheLife, cacheTag } from 'next/cache'

// A page that needs its parameters has no static shell.
export const instant = false

export const generateStaticParams = () => [{ id: 'built' }]

export default async function Page({ params }) {
  'use cache'
  cacheLife({ stale: 30, revalidate: 3_600, expire: 7_200 })
  const { id } = await params
  cacheTag(`page-${id}`)
  return (
    <main>
      [{await cachedItem(id)}] [{await ask(`page-${id}`)}]
    </main>
  )
}
