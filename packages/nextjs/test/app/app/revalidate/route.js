import { revalidatePath, revalidateTag } from 'next/cache'

export async function POST(request) {
  const query = request.nextUrl.searchParams
  const [tag, path, expire] = ['tag', 'path', 'expire'].map((name) => query.get(name))
  if (path) revalidatePath(path)
  if (tag) revalidateTag(tag, { expire: Number(expire ?? 0) })
  return Response.json({ revalidated: true })
}
