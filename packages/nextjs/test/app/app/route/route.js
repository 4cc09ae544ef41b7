import { cacheLife, cacheTag } from 'next/cache'
import { ask } from '../../lib/source.js'

async function body() {
  'use cache'
  cacheTag('route')
  cacheLife({ stale: 30, revalidate: 3_600, expire: 7_200 })
  return ask('route')
}

export async function GET() {
  return new Response(new Uint8Array([0, 255, 254, ...Buffer.from(await body())]))
}
