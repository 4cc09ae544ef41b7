import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createRateLimiter, fixedWindow } from '@cache/ratelimit'
import { expect, it } from 'vitest'
import { rowOf } from './acl-page.js'
import { itIsAllowed, onEachAclStage, rulesFor, tables } from './acl-stage.js'
import { packageUses } from './package-uses.js'

/** These need a database or a framework: each has a file test/acl.test.ts of its own. */
const integrations = ['drizzle', 'nestjs', 'prisma']

it('finds a row for each package that needs more, and one for every package', () => {
  expect([...tables['rules by category'].keys()].sort()).toEqual([
    'a Cluster',
    'createInvalidationBus',
    'createTrackingBus',
    'every package',
    'lock',
    'nestjs',
    'service',
  ])
  const names = Object.keys(packageUses).map((name) => rowOf[name] ?? name)
  for (const row of tables['only the commands that are needed'].keys())
    if (row !== 'every package' && row !== 'a Cluster')
      expect([...names, ...integrations]).toContain(row)
})

onEachAclStage((stage) => {
  itIsAllowed(stage, packageUses)

  it('tells on cache:error of the first refusal, and what to allow', async () => {
    const rules = rulesFor('rules by category', 'aside', stage.clustered)
    const client = await stage.clientOf(rules.replaceAll('~shop:*', '~stop:*'))
    const errors: { error: Error }[] = []
    const listener = (message: unknown): void => void errors.push(message as { error: Error })
    subscribe('cache:error', listener)
    const limiter = createRateLimiter({
      client,
      prefix: 'api',
      limits: [fixedWindow({ name: 'a', limit: 9, window: '1m' })],
      deadline: '5s',
    })
    for (let i = 0; i < 3; i++) expect(await limiter.consume('u')).toMatchObject({ degraded: true })
    unsubscribe('cache:error', listener)
    expect(errors.map(({ error }) => error.message)).toContainEqual(
      expect.stringMatching(/NOPERM.*Allow this user the keys and channels of its namespace/),
    )
  })
})
