import { expect, it } from 'vitest'
import { beginMutations, createVersioned } from '../src/index.js'
import { onEach } from './cases.js'

onEach((bench) => {
  it('reads return the old entry and group until a transaction commits', async () => {
    let committed = 1
    const [mine, other] = [bench.newClient(), bench.newClient()].map((client) => ({
      items: createVersioned({
        client,
        prefix: 'item',
        ttl: '1h',
        load: (_id: number) => committed,
        groups: () => [],
      }),
      lists: createVersioned({
        client,
        prefix: 'list',
        ttl: '1h',
        load: (_id: number) => committed,
        groups: (id) => [`group:${id}`],
      }),
    }))
    const read = async ({ items, lists } = other!) => [await items.get(1), await lists.get(7)]
    await read()
    await using change = await beginMutations(
      () => mine!.items.beginMutation(1),
      () => mine!.lists.beginGroupMutation('group:7'),
    )
    expect(await read()).toEqual([1, 1])
    committed = 2
    await read()
    await change.commit()
    expect([await read(), await read(mine)]).toEqual([
      [2, 2],
      [2, 2],
    ])

    const rolledBack = await mine!.lists.beginGroupMutation(['group:7', 'group:8'], {
      intentTtl: '1m',
    })
    await rolledBack.abort()
    await read()
    expect(await other!.lists.peek(7)).toBe(2)
  })
})
