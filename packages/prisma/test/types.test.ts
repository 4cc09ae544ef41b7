import { expectTypeOf, it } from 'vitest'
import type { Db } from './cases.js'
import type { Prisma } from './generated/client.js'

it('the types of results are those of Prisma', () => {
  const check = async (db: Db): Promise<void> => {
    const cached = db.$withCache('10m')
    expectTypeOf(cached).toEqualTypeOf<Db>()
    const user = await cached.user.findUnique({
      where: { id: 1 },
      select: { name: true, posts: { select: { title: true } } },
    })
    expectTypeOf(user).toEqualTypeOf<{ name: string; posts: { title: string }[] } | null>()
    const posts = await cached.user.findUnique({ where: { id: 1 } }).posts()
    expectTypeOf(posts![0]!.title).toEqualTypeOf<string>()
    const row = await cached.everything.findFirstOrThrow()
    expectTypeOf(row.id).toEqualTypeOf<bigint>()
    expectTypeOf(row.price).toEqualTypeOf<Prisma.Decimal>()
    const [, count] = await db.$transaction([cached.user.findMany(), cached.user.count()])
    expectTypeOf(count).toEqualTypeOf<number>()
    await db.$transaction(async (tx) => {
      expectTypeOf(await tx.$withCache().user.count()).toEqualTypeOf<number>()
      await tx.$invalidate({ models: ['User'] })
    })
    // @ts-expect-error: there is no such field.
    await cached.user.findMany({ where: { unknown: 1 } })
    // @ts-expect-error: it is a duration or options.
    db.$withCache(true)
    // @ts-expect-error: there is no such option.
    db.$withCache({ key: 'users' })
  }
  expectTypeOf(check).toBeFunction()
})
