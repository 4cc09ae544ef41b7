import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { startRedis } from '../src/index.js'
import { isAlive } from './is-alive.js'

describe('startRedis', () => {
  it('starts a server, and stop() ends it and removes its files', async () => {
    const redis = await startRedis()
    const { pid, directory } = redis
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`)
    expect(redis.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(await redis.cli('INFO', 'server')).toContain(`process_id:${pid}`)
    await redis.stop()
    await redis.stop()
    expect(redis.running).toBe(false)
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(directory)).toBe(false)
    expect(() => redis.pid).toThrow(/not running/)
    await expect(redis.restart()).rejects.toThrow(/start another one/)
  })

  it('with aof, acknowledged writes survive a kill', async () => {
    await using redis = await startRedis({ aof: 'always' })
    await redis.cli('SET', 'key', 'value')
    await redis.kill()
    expect(redis.running).toBe(false)
    await expect(redis.cli('PING')).rejects.toThrow(/ECONNREFUSED/)
    const { port } = redis
    await redis.restart()
    expect(redis.port).toBe(port)
    expect(await redis.cli('GET', 'key')).toBe('value')
  })

  it('without aof, a restarted server is empty', async () => {
    await using redis = await startRedis()
    await redis.cli('SET', 'key', 'value')
    await redis.restart()
    expect(await redis.cli('DBSIZE')).toBe('0')
  })

  it('a paused server does not reply, and answers waiting commands when it resumes', async () => {
    await using redis = await startRedis()
    await redis.pause()
    let answered = false
    const answer = redis.cli('PING').then((reply) => ((answered = true), reply))
    // Another server answers in the meantime, so only the paused one is silent.
    await using other = await startRedis()
    await other.cli('PING')
    expect(answered).toBe(false)
    await redis.resume()
    expect(await answer).toBe('PONG')
  })

  it('a paused server can be restarted, killed and stopped', async () => {
    await using redis = await startRedis()
    await redis.pause()
    await redis.restart()
    expect(await redis.cli('PING')).toBe('PONG')
    await redis.pause()
    await redis.kill()
    await redis.restart()
    await redis.pause()
  })

  it('a full server refuses writes, keeps its keys, and recovers after empty()', async () => {
    const config = { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-random' }
    await using redis = await startRedis({ config })
    await redis.cli('MSET', 'a', '1', 'b', '2')
    await redis.fill()
    await expect(redis.cli('SET', 'c', '3')).rejects.toThrow(/^OOM/)
    expect(await redis.cli('MGET', 'a', 'b')).toBe('1\n2')
    expect(await redis.cli('DEL', 'a')).toBe('1')
    await redis.empty()
    expect(await redis.cli('SET', 'c', '3')).toBe('OK')
    expect(await redis.cli('CONFIG', 'GET', 'maxmemory')).toBe('maxmemory\n104857600')
    expect(await redis.cli('CONFIG', 'GET', 'maxmemory-policy')).toBe(
      'maxmemory-policy\nallkeys-random',
    )
    await redis.fill()
    await redis.restart()
    expect(await redis.cli('SET', 'c', '3')).toBe('OK')
  })

  it('applies the password and lines of redis.conf, even quotes and empty values', async () => {
    const config = {
      maxmemory: '10mb',
      'client-output-buffer-limit': 'pubsub 1mb 1mb 1',
      'notify-keyspace-events': '',
    }
    await using redis = await startRedis({ password: 'a "b" #c', config })
    expect(await redis.cli('CONFIG', 'GET', 'maxmemory')).toBe('maxmemory\n10485760')
    expect(await redis.cli('CONFIG', 'GET', 'client-output-buffer-limit')).toContain(
      'pubsub 1048576 1048576 1',
    )
    expect(decodeURIComponent(new URL(redis.url).password)).toBe('a "b" #c')
  })

  it('if a server does not start, the error contains its log', async () => {
    await expect(startRedis({ config: { 'no-such-line': 'yes' } })).rejects.toThrow(/no-such-line/)
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    await expect(startRedis({ port })).rejects.toThrow(/Address already in use/i)
    holder.close()
  })

  it('twenty servers that start at once get twenty ports', async () => {
    const servers = await Promise.all(Array.from({ length: 20 }, () => startRedis()))
    expect(new Set(servers.map(({ port }) => port)).size).toBe(20)
    await Promise.all(servers.map((server) => server.stop()))
  })
})
