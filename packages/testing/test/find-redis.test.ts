import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findRedis } from '../src/index.js'

describe('findRedis', () => {
  let home: string
  let bin: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'find-redis-'))
    bin = join(home, 'bin')
    await mkdir(bin)
  })
  afterEach(() => rm(home, { recursive: true }))

  /** Returns an environment that contains only the programs that a test puts into `bin`. */
  const isolated = (more: NodeJS.ProcessEnv = {}) => ({
    PATH: `${join(home, 'none')}:${bin}`,
    HOME: home,
    XDG_RUNTIME_DIR: home,
    ...more,
  })
  const program = async (name: string, script: string) => {
    const path = join(bin, name)
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
    return path
  }

  it('prefers the server that REDIS_URL names', async () => {
    await program('redis-server', 'exit')
    expect(await findRedis({ env: isolated({ REDIS_URL: 'redis://elsewhere' }) })).toEqual({
      kind: 'url',
      url: 'redis://elsewhere',
    })
  })

  it('takes REDIS_SERVER, or else redis-server, or else valkey-server from the PATH', async () => {
    const valkey = await program('valkey-server', 'exit')
    expect(await findRedis({ env: isolated() })).toEqual({ kind: 'binary', path: valkey })
    const redis = await program('redis-server', 'exit')
    expect(await findRedis({ env: isolated() })).toEqual({ kind: 'binary', path: redis })
    expect(await findRedis({ env: isolated({ REDIS_SERVER: valkey }) })).toEqual({
      kind: 'binary',
      path: valkey,
    })
    expect(await findRedis({ env: isolated({ REDIS_SERVER: 'valkey-server' }) })).toEqual({
      kind: 'binary',
      path: valkey,
    })
    await expect(findRedis({ env: isolated({ REDIS_SERVER: '/no/such/redis' }) })).rejects.toThrow(
      /REDIS_SERVER is \/no\/such\/redis/,
    )
  })

  it('skips files that are not executable', async () => {
    await writeFile(join(bin, 'redis-server'), '')
    const valkey = await program('valkey-server', 'exit')
    expect(await findRedis({ env: isolated() })).toEqual({ kind: 'binary', path: valkey })
  })

  it('if there is no Redis, the error lists the ways to get one', async () => {
    await expect(findRedis({ env: isolated(), docker: false })).rejects.toThrow(
      /No Redis found[^]*REDIS_SERVER[^]*Docker[^]*REDIS_URL/,
    )
  })
})
