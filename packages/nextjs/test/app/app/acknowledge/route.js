import { createRevalidator } from '@cache/nextjs'
import { client } from '../../handlers/redis.mjs'

const revalidator = createRevalidator({ client })

export async function POST(request) {
  const query = request.nextUrl.searchParams
  const [tag, path, type, expire] = ['tag', 'path', 'type', 'expire'].map((name) => query.get(name))
  if (path) await revalidator.revalidatePath(path, type ?? undefined)
  if (tag) await revalidator.revalidateTag(tag, expire ? { expire: Number(expire) } : undefined)
  return new Response(null, { status: 204 })
}
