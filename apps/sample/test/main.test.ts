import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { startRedis } from '@cache/testing'
import { expect, it } from 'vitest'

it.each(['up', 'down'])('starts and ends cleanly while Redis is %s', async (state) => {
  await using redis = await startRedis()
  if (state === 'down') await redis.kill()
  const main = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    env: { ...process.env, REDIS_URL: redis.url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(main, 'exit')
  try {
    const [line] = (await once(createInterface(main.stdout), 'line')) as [string]
    const url = /http:\S+/.exec(line)?.[0]
    const response = await fetch(`${url}/products/chair`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ name: 'Chair' })
  } finally {
    main.kill('SIGTERM')
  }
  expect(await exited).toEqual([0, null])
})
