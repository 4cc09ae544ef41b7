import { revalidateTag } from 'next/cache'

export async function POST(request) {
  revalidateTag(request.nextUrl.searchParams.get('tag'), { expire: 0 })
  return Response.json({ revalidated: true })
}
