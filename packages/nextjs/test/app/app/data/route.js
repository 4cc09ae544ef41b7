import { cachedBytes, cachedItem, fetchedItem, unstableItem } from '../../lib/source.js'

export async function GET(request) {
  const id = request.nextUrl.searchParams.get('id')
  const [cached, unstable, fetched, bytes] = await Promise.all([
    cachedItem(id),
    unstableItem(id),
    fetchedItem(id),
    cachedBytes(),
  ])
  return Response.json({
    cached,
    unstable,
    fetched,
    isIntact: bytes.list.get('a') === 1n && bytes.at instanceof Date,
  })
}
