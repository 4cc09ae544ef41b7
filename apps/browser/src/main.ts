import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { createRateLimiter, gcra } from '@cache/ratelimit'

const driver = memoryDriver()
const client = createCacheClient(driver, { namespace: 'browser' })
const products = createAside<{ name: string }>({ client, prefix: 'product', ttl: '1m' })
const limiter = createRateLimiter({
  client,
  prefix: 'clicks',
  limits: [gcra({ name: 'clicks', limit: 3, window: '1h' })],
})

let loads = 0
const load = () => ({ name: `Ada, load ${++loads}` })

print('first read', (await products.getOrLoad(42, load))!.name)
print('second read', (await products.getOrLoad(42, load))!.name)
driver.setClock(120_000)
print('two minutes later', (await products.getOrLoad(42, load))!.name)
await products.set(42, { name: 'Grace ☕' })
print('after a write', (await products.getOrLoad(42, load))!.name)

for (let click = 1; click <= 5; click++) {
  const { allowed, degraded } = await limiter.consume('me')
  print(`click ${click}`, `${allowed ? 'allowed' : 'denied'}${degraded ? ', without Redis' : ''}`)
}
print('done', `${loads} loads`)
await client.close()

/** Appends a line to the page. */
function print(what: string, result: string): void {
  const line = document.createElement('p')
  line.textContent = `${what}: ${result}`
  document.body.append(line)
}
