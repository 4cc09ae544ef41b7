import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { startRedis, startRedisCluster, startRedisSentinel } from '@cache/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import * as ioredis from './ioredis-clients.js'
import * as nodeRedis from './node-redis-clients.js'

interface Nodes {
  readonly host: string
  readonly port: number
}
interface Library {
  standalone(url: string): Driver
  withTls(url: string, ca: string): Driver
  withSentinel(name: string, sentinels: readonly Nodes[]): Driver
  cluster(nodes: readonly Nodes[]): Driver
}

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

function fromIoredis(redis: ReturnType<(typeof ioredis)['standalone' | 'cluster']>): Driver {
  redis.on('error', () => undefined)
  opened.push(() => redis.disconnect())
  return ioredisDriver(redis)
}

function fromNodeRedis(
  redis: ReturnType<(typeof nodeRedis)['standalone' | 'withSentinel' | 'cluster']>,
): Driver {
  redis.on('error', () => undefined)
  opened.push(() => redis.destroy())
  return nodeRedisDriver(redis)
}

const libraries: Readonly<Record<string, Library>> = {
  ioredis: {
    standalone: (url) => fromIoredis(ioredis.standalone(url)),
    withTls: (url, ca) => fromIoredis(ioredis.withTls(url, ca)),
    withSentinel: (name, sentinels) => fromIoredis(ioredis.withSentinel(name, sentinels)),
    cluster: (nodes) => fromIoredis(ioredis.cluster(nodes)),
  },
  'node-redis': {
    standalone: (url) => fromNodeRedis(nodeRedis.standalone(url)),
    withTls: (url, ca) =>
      fromNodeRedis(
        nodeRedis.withTls(url, ca) as unknown as ReturnType<typeof nodeRedis.standalone>,
      ),
    withSentinel: (name, sentinels) => fromNodeRedis(nodeRedis.withSentinel(name, sentinels)),
    cluster: (nodes) => fromNodeRedis(nodeRedis.cluster(nodes)),
  },
}

/** Uses patterns before and after a failure, which the patterns recover from without help. */
async function expectRecovery(driver: Driver, fail: () => Promise<unknown>): Promise<void> {
  const client = createCacheClient(driver, { namespace: 'shop', onError: () => undefined })
  opened.push(() => client.close())
  const products = createAside<string, number>({ client, prefix: 'product', ttl: '1h' })
  const locks = createLocks({ client })
  const works = async (): Promise<boolean> => {
    const ids = [1, 2, 3, 4, 5, 6]
    await products.invalidate(ids)
    await Promise.all(ids.map((id) => products.getOrLoad(id, () => 'loaded')))
    await locks.withLock('x', async () => undefined, { wait: '5s' })
    return (await Promise.all(ids.map((id) => products.has(id)))).every(Boolean)
  }
  await expect.poll(() => works().catch(String)).toBe(true)
  await fail()
  await expect.poll(() => works().catch(String)).toBe(true)
}

describe.each(Object.entries(libraries))('the recommended options of %s', (_, library) => {
  it('reconnect to a server that was restarted', async () => {
    const server = await startRedis()
    opened.push(() => server.stop())
    await expectRecovery(library.standalone(server.url), async () => {
      await server.kill()
      await server.restart()
    })
  })

  it('follow a failover of Sentinel', async () => {
    const redis = await startRedisSentinel()
    opened.push(() => redis.stop())
    await expectRecovery(library.withSentinel(redis.name, redis.addresses), () => redis.failover())
  })

  it('follow a failover of a Cluster', async () => {
    const redis = await startRedisCluster({ replicasPerPrimary: 1 })
    opened.push(() => redis.stop())
    await expectRecovery(library.cluster(redis.addresses), () =>
      redis.failover(redis.primaries[0]!),
    )
  })

  it.skipIf(spawnSync('openssl', ['version']).error)('connect with TLS', async (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'cache-tls-'))
    opened.push(() => rmSync(folder, { recursive: true }))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1']
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
    const plain = await startRedis()
    const tlsPort = plain.port
    await plain.stop()
    const server = await startRedis({
      config: {
        'tls-port': String(tlsPort),
        'tls-cert-file': cert,
        'tls-key-file': key,
        'tls-ca-cert-file': cert,
        'tls-auth-clients': 'no',
      },
    }).catch((error: Error) => error)
    if (server instanceof Error) {
      // A Redis that was built without TLS does not know the first of these options.
      if (!server.message.includes('tls-port')) throw server
      return test.skip('this Redis was built without TLS')
    }
    opened.push(() => server.stop())
    const driver = library.withTls(`rediss://127.0.0.1:${tlsPort}`, readFileSync(cert, 'utf8'))
    await expectRecovery(driver, async () => {
      await server.kill()
      await server.restart()
    })
  })
})
