import { readdirSync, readFileSync } from 'node:fs'
import { createCacheClient, hashTag } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowOf, rulesOf } from './acl-page.js'
import { packageUses } from './package-uses.js'

interface Sent {
  readonly args: readonly string[]
  readonly byScript: boolean
}

const table = rulesOf('Only the commands that are needed')
const everyPackage = table.get('every package')!
const rulesFor = (name: string): readonly string[] => [
  ...everyPackage,
  ...(table.get(rowOf[name] ?? name) ?? []),
]

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/** Returns everything that the server executes while a package is used on it. */
async function recorded(library: 'ioredis' | 'node-redis', name: string): Promise<Sent[]> {
  await server.flush()
  const watcher = new Redis(server.url)
  const monitor = await watcher.monitor()
  const sent: Sent[] = []
  const ended = new Promise<void>((resolve) => {
    monitor.on('monitor', (_: string, args: string[], source: string) => {
      if (args[1] === 'the end') resolve()
      else sent.push({ args, byScript: source === 'lua' })
    })
  })
  const redis =
    library === 'ioredis'
      ? new Redis(server.url)
      : await createClient({ url: server.url })
          .on('error', () => undefined)
          .connect()
  const driver = redis instanceof Redis ? ioredisDriver(redis) : nodeRedisDriver(redis)
  const client = createCacheClient(driver, {
    namespace: 'shop',
    resilience: { readTimeout: '5s', writeTimeout: '5s' },
  })
  await packageUses[name]!(client, false)
  await client.close()
  await watcher.echo('the end')
  await ended
  for (const one of [redis, monitor, watcher])
    if (one instanceof Redis) one.disconnect()
    else one.destroy()
  return sent
}

/** Returns the rule that allows a command. */
function ruleOf(args: readonly string[]): string {
  const name = args[0]!.toLowerCase()
  return ['client', 'cluster', 'xinfo'].includes(name)
    ? `+${name}|${args[1]!.toLowerCase()}`
    : `+${name}`
}

/** Returns the commands that the scripts of a package can send, also in rare cases. */
function commandsInScripts(name: string): string[] {
  const folder = new URL(`../../${name}/src/`, import.meta.url)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const lua = files
    .filter((file) => /\.lua$|entries\/define-|client\/script\.ts$/.test(file))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n')
  const calls = lua.matchAll(/\b(?:p?call|command)\(\s*'([A-Z]+)'(?:,\s*'([A-Z]+)')?/g)
  return [...new Set([...calls].map(([, command, sub]) => ruleOf([command!, sub ?? ''])))]
}

const scripts: Readonly<Record<string, readonly string[]>> = {
  aside: ['core'],
  keyv: ['core'],
  'write-through': ['core'],
  http: ['core', 'versioning', 'http'],
  nextjs: ['core', 'nextjs'],
  drizzle: ['core', 'versioning'],
  prisma: ['core', 'versioning'],
  nestjs: ['core', 'versioning', 'lock', 'ratelimit'],
  lock: ['core', 'lock'],
  ratelimit: ['ratelimit'],
  versioning: ['core', 'versioning'],
  hierarchical: ['core', 'versioning', 'hierarchical'],
  'pubsub-invalidation': ['core', 'pubsub-invalidation'],
  'write-behind': ['core', 'write-behind'],
  service: ['core', 'lock', 'ratelimit', 'pubsub-invalidation'],
}

describe('the commands in acl.md', () => {
  it.each(Object.entries(scripts))('contain those of all scripts of %s', (name, packages) => {
    for (const rule of packages.flatMap(commandsInScripts)) expect(rulesFor(name)).toContain(rule)
  })

  it('are all used', async () => {
    const used = new Set<string>()
    for (const library of ['ioredis', 'node-redis'] as const)
      for (const name of Object.keys(packageUses))
        for (const { args } of await recorded(library, name)) used.add(ruleOf(args))
    for (const rule of Object.values(scripts).flat().flatMap(commandsInScripts)) used.add(rule)
    // Sent with a database other than 0, and when a subscription ends before its connection.
    for (const rule of ['+select', '+unsubscribe']) used.add(rule)
    const listed = [...table].flatMap(([row, rules]) => (row === 'a Cluster' ? [] : rules))
    expect(listed.filter((rule) => rule.startsWith('+') && !used.has(rule))).toEqual([])
  })
})

it('managed.md asks a service for the commands in acl.md', () => {
  const page = readFileSync(
    new URL('../../../apps/docs/operate/managed.md', import.meta.url),
    'utf8',
  )
  const program = page.slice(page.indexOf('const needed'), page.indexOf('const redis'))
  const asked = [...program.matchAll(/'([^']+)'/g)].flatMap(([, names]) => names!.trim().split(' '))
  const listed = [...table]
    .filter(([row]) => row !== 'a Cluster')
    .flatMap(([, rules]) => rules)
    .filter((rule) => rule.startsWith('+'))
  expect(asked.sort()).toEqual([...new Set(listed)].map((rule) => rule.slice(1)).sort())
})

describe('scripts', () => {
  // Not among the keys, so that a call is not refused while the slot moves: see block.lua.
  const derived: Readonly<Record<string, RegExp>> = { ratelimit: /^shop:.*:(block|released)$/ }

  it.each(Object.keys(packageUses))('of %s access only the keys that they get', async (name) => {
    const sent = await recorded('ioredis', name)
    let given: readonly string[] = []
    let checked = 0
    const keysOf = new Redis(server.url)
    for (const { args, byScript } of sent) {
      if (/^eval/i.test(args[0]!)) {
        given = args.slice(3, 3 + Number(args[2]))
        expect(given.length, 'a script without keys').toBeGreaterThan(0)
      }
      if (!byScript) continue
      const keys = (await keysOf
        .call('COMMAND', 'GETKEYS', ...args)
        .catch(() => [])) as readonly string[]
      for (const key of keys)
        if (derived[name]?.test(key)) expect(given.map(hashTag)).toContain(hashTag(key))
        else expect(given, args.join(' ')).toContain(key)
      checked += keys.length
    }
    keysOf.disconnect()
    expect(checked).toBeGreaterThan(0)
  })
})
