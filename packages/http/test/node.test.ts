import { createServer, get, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { serve } from '@hono/node-server'
import { createCacheClient, type CacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { eventually } from '@cache/testkit'
import express from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as forExpress from '../src/adapters/express.js'
import * as forHono from '../src/adapters/hono.js'
import * as forFastify from '../src/adapters/fastify.js'
import { createHttpCache, createIdempotency, type HttpCache } from '../src/index.js'
import { Gate } from './clients.js'

let client: CacheClient
let cache: HttpCache
const stops: (() => unknown)[] = []
beforeEach(() => {
  client = createCacheClient(memoryDriver({ server: new MemoryServer() }))
  cache = createHttpCache({ client, prefix: 'pages' })
})
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await client.close()
})

async function listen(app: express.Express): Promise<string> {
  const server: Server = createServer(app).listen(0)
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

describe('Express', () => {
  it('sends what a handler streams as it comes, and notices that the client has left', async () => {
    const app = express()
    let left = false
    app.use(forExpress.responseCache({ cache }))
    app.get('/events', (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      response.write('data: 1\n\n')
      response.on('close', () => (left = true))
    })
    const url = await listen(app)
    await new Promise<void>((resolve) => {
      const request = get(`${url}/events`, (response) => {
        response.once('data', (data) => {
          expect(String(data)).toBe('data: 1\n\n')
          request.destroy()
          resolve()
        })
      })
    })
    await eventually(() => left)
  })

  it('stores nothing of a stream whose client has left, and renders again', async () => {
    const app = express()
    const gate = new Gate()
    let renders = 0
    app.use(forExpress.responseCache({ cache }))
    app.get('/export', (_, response) => {
      const isFirst = ++renders === 1
      response.set('cache-control', 'max-age=60')
      async function* rows() {
        yield 'a'
        if (isFirst) await gate.opened
        yield 'b'
      }
      pipeline(Readable.from(rows()), response).catch(() => undefined)
    })
    const url = await listen(app)
    const request = get(`${url}/export`)
    request.on('error', () => undefined)
    await eventually(() => renders === 1)
    request.destroy()
    gate.open()
    await eventually(async () => (await (await fetch(`${url}/export`)).text()) === 'ab')
  })

  it('is not held up by a client that leaves before the handler begins to stream', async () => {
    const app = express()
    const gate = new Gate()
    let renders = 0
    app.use(forExpress.responseCache({ cache }))
    app.get('/late', (_, response) => {
      const isFirst = ++renders === 1
      response.set('cache-control', 'max-age=60')
      async function stream() {
        if (!isFirst) return void response.end('whole')
        await gate.opened
        response.write('never ended')
      }
      void stream()
    })
    const url = await listen(app)
    const request = get(`${url}/late`)
    request.on('error', () => undefined)
    await eventually(() => renders === 1)
    request.destroy()
    const waiting = fetch(`${url}/late`)
    gate.open()
    expect(await (await waiting).text()).toBe('whole')
  })

  it('does not take one path for another one', async () => {
    const app = express()
    app.use(forExpress.responseCache({ cache }))
    app.get('/{*path}', (request, response) => {
      response.set('cache-control', 'max-age=60').send(request.originalUrl)
    })
    const url = await listen(app)
    const ask = (path: string) =>
      new Promise<string>((resolve) => {
        const { port } = new URL(url)
        get({ port, path }, (response) => {
          let text = ''
          response.on('data', (chunk) => (text += chunk))
          response.on('end', () => resolve(text))
        })
      })
    for (const path of ['/x/../page', '/x/%2e%2e/page', '/x\\..\\..\\page', '/page', '/x/../page'])
      expect(await ask(path)).toBe(path)
  })

  it('respects backpressure', async () => {
    const app = express()
    let written = 0
    app.use(forExpress.responseCache({ cache }))
    app.get('/large', (_, response) => {
      const source = new Readable({
        read() {
          written += 16_384
          this.push(written > 64 * 1024 * 1024 ? null : Buffer.alloc(16_384))
        },
      })
      source.pipe(response)
    })
    const url = await listen(app)
    const reader = (await fetch(`${url}/large`)).body!.getReader()
    await reader.read()
    let before = -1
    await eventually(
      () => {
        const isStill = written === before
        before = written
        return isStill
      },
      { every: 200 },
    )
    expect(written).toBeLessThan(32 * 1024 * 1024)
    await reader.cancel()
  })

  it('runs listeners of headers (on-headers) that were added after it', async () => {
    const app = express()
    app.use(forExpress.responseCache({ cache }))
    app.use((_, response, next) => {
      const { writeHead } = response
      response.writeHead = function (this: typeof response, ...args: never[]) {
        response.setHeader('x-late', '1')
        return Reflect.apply(writeHead, this, args)
      } as typeof writeHead
      next()
    })
    app.get('/', (_, response) => void response.set('cache-control', 'max-age=60').send('page'))
    const url = await listen(app)
    for (let i = 0; i < 2; i++) expect((await fetch(url)).headers.get('x-late')).toBe('1')
  })

  it('lets a handler change a header that was there before, but not remove it', async () => {
    const app = express()
    app.use((_, response, next) => {
      response.set({ 'x-changed': 'before', 'x-removed': 'before' })
      next()
    })
    app.use(forExpress.responseCache({ cache }))
    app.get('/', (_, response) => {
      response.removeHeader('x-removed')
      response.set({ 'x-changed': 'by the page', 'cache-control': 'max-age=60' }).send('page')
    })
    const url = await listen(app)
    for (let i = 0; i < 2; i++) {
      const { headers } = await fetch(url)
      expect(headers.get('x-changed')).toBe('by the page')
      expect(headers.get('x-removed')).toBe('before')
    }
  })

  it('adds to a Vary that was there before', async () => {
    const app = express()
    app.use((_, response, next) => {
      response.setHeader('Vary', 'Origin')
      next()
    })
    app.use(forExpress.responseCache({ cache }))
    app.get('/', (_, response) => {
      response.vary('Accept').set('cache-control', 'max-age=60').send('page')
    })
    const url = await listen(app)
    for (let i = 0; i < 2; i++)
      expect((await fetch(url)).headers.get('vary')).toMatch(/^Origin, Accept/i)
  })

  it('refuses to compare a body that was not parsed', async () => {
    const app = express()
    const idempotency = createIdempotency({ client, prefix: 'k', scope: () => '' })
    let runs = 0
    app.post('/', forExpress.idempotencyKeys({ idempotency }), (_, response) => {
      runs++
      response.send('ran')
    })
    app.use(((error: Error, _request, response, _next) => {
      response.status(500).send(error.message)
    }) as express.ErrorRequestHandler)
    const url = await listen(app)
    const post = (body: string) =>
      fetch(url, { method: 'POST', body, headers: { 'idempotency-key': 'k' } })
    expect(await (await post('x')).text()).toContain('after a body parser')
    expect(await (await post('')).text()).toBe('ran')
    expect(runs).toBe(1)
  })
})

describe.each([
  ['4', express4 as unknown as typeof express],
  ['5', express],
])('idempotency keys on Express %s', (_, create) => {
  const idempotency = () => createIdempotency({ client, prefix: 'k', scope: () => '' })

  it('refuses to compare a body that the parser has left alone', async () => {
    const app = create()
    let runs = 0
    app.use(create.json())
    app.post('/', forExpress.idempotencyKeys({ idempotency: idempotency() }), (_, response) => {
      response.send(`run ${++runs}`)
    })
    app.use(((error: Error, _request, response, _next) => {
      response.status(500).send(error.message)
    }) as express.ErrorRequestHandler)
    const url = await listen(app)
    const post = async (key: string, body: string, type: string) => {
      const headers = { 'idempotency-key': key, 'content-type': type }
      return (await fetch(url, { method: 'POST', body, headers })).text()
    }
    expect(await post('a', 'pay 5', 'text/plain')).toContain('after a body parser')
    expect(await post('a', '{}', 'application/json')).toBe('run 1')
    expect(await post('b', '', 'text/plain')).toBe('run 2')
  })

  it('takes an empty body whose length was not declared', async () => {
    const app = create()
    app.use(create.json())
    app.post('/', forExpress.idempotencyKeys({ idempotency: idempotency() }), (_, response) => {
      response.send('ran')
    })
    const url = await listen(app)
    const headers = {
      'idempotency-key': 'k',
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
    }
    const status = await new Promise((resolve) => {
      request(url, { method: 'POST', headers }, (response) => {
        resolve(response.resume().statusCode)
      }).end()
    })
    expect(status).toBe(200)
  })

  it('replays a response that was not written yet when its client left', async () => {
    const app = create()
    const gate = new Gate()
    let runs = 0
    app.use(create.json())
    app.post('/', forExpress.idempotencyKeys({ idempotency: idempotency() }), (_, response) => {
      response.writeHead(201)
      response.write(`run ${++runs}, `)
      void gate.opened.then(() => response.end('paid'))
    })
    const url = await listen(app)
    const post = (signal?: AbortSignal) =>
      fetch(url, { method: 'POST', headers: { 'idempotency-key': 'k' }, signal: signal ?? null })
    const leaving = new AbortController()
    const left = post(leaving.signal).catch(() => undefined)
    await eventually(() => runs === 1)
    leaving.abort()
    await left
    await sleep(100) // The server must have noticed.
    gate.open()
    await eventually(async () => (await post()).status === 201)
    expect(await (await post()).text()).toBe('run 1, paid')
  })
})

describe('Hono', () => {
  it('leaves the bodies alone of requests that keys do not apply to', async () => {
    const { app, handled } = uploads('1mb')
    const upload = endless()
    const request = (method: string, headers: Record<string, string>) =>
      new Request('http://shop.test/', {
        method,
        headers,
        body: upload.body(),
        duplex: 'half',
      } as RequestInit)
    expect((await app.fetch(request('POST', {}))).status).toBe(200)
    expect((await app.fetch(request('PUT', { 'idempotency-key': 'k' }))).status).toBe(200)
    expect(handled).toEqual(['POST', 'PUT'])
  })

  it('reads no more of a body than may be compared', async () => {
    const { app, handled } = uploads('100kb')
    const upload = endless()
    const request = new Request('http://shop.test/', {
      method: 'POST',
      headers: { 'idempotency-key': 'k' },
      body: upload.body(),
      duplex: 'half',
    } as RequestInit)
    expect((await app.fetch(request)).status).toBe(413)
    expect(handled).toEqual([])
    expect(upload.sent).toBeLessThan(1024 * 1024)
  })

  it('compares a body that a middleware has read', async () => {
    const app = new Hono()
    const idempotency = createIdempotency({ client, prefix: 'k', scope: () => '' })
    app.use(async (c, next) => {
      await c.req.json()
      await next()
    })
    app.post('/', forHono.idempotencyKeys({ idempotency }), async (c) => c.json(await c.req.json()))
    const post = (amount: number) =>
      app.request('/', {
        method: 'POST',
        headers: { 'idempotency-key': 'k' },
        body: JSON.stringify({ amount }),
      })
    expect(await (await post(1)).json()).toEqual({ amount: 1 })
    expect((await post(1)).headers.get('idempotency-replayed')).toBe('true')
    expect((await post(2)).status).toBe(422)
  })

  function uploads(maxRequestBytes: '1mb' | '100kb') {
    const app = new Hono()
    const handled: string[] = []
    const options = { client, prefix: 'k', scope: () => '', maxRequestBytes } as const
    app.use(forHono.idempotencyKeys({ idempotency: createIdempotency(options) }))
    app.all('/', async (c) => {
      handled.push(c.req.method)
      const reader = c.req.raw.body!.getReader()
      await reader.read()
      await reader.cancel()
      return c.text('uploaded')
    })
    return { app, handled }
  }

  /** A body that would be too large for the memory. */
  function endless() {
    const chunk = new Uint8Array(16 * 1024)
    const upload = {
      sent: 0,
      body: () =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            upload.sent += chunk.length
            if (upload.sent > 64 * 1024 * 1024) controller.error(new Error('read on and on'))
            else controller.enqueue(chunk)
          },
        }),
    }
    return upload
  }

  it('does not take one path for another one', async () => {
    const app = new Hono()
    app.use(forHono.responseCache({ cache, app }))
    app.get('*', (c) => c.text(c.req.path, 200, { 'cache-control': 'max-age=60' }))
    const server = serve({ fetch: app.fetch, port: 0 }) as Server
    stops.push(() => void server.close())
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const ask = (path: string) =>
      new Promise<string>((resolve) =>
        get({ port, path }, (response) => response.on('data', (data) => resolve(String(data)))),
      )
    const first = await ask('/x/../page')
    expect(await ask('/page')).toBe('/page')
    expect(await ask('/x/../page')).toBe(first)
  })
})

describe('Fastify', () => {
  it('does not hang on a handler that sends past Fastify', async () => {
    const app = fastify()
    stops.push(() => app.close())
    await app.register(forFastify.responseCache, { cache })
    app.get('/', (_, reply) => {
      reply.hijack()
      reply.raw.end('raw')
    })
    const url = await app.listen({ port: 0 })
    for (let i = 0; i < 2; i++)
      expect(await (await fetch(url.replace('[::1]', 'localhost'))).text()).toBe('raw')
  })

  it('does not wait for a handler that sends past Fastify after its client has left', async () => {
    const app = fastify({ forceCloseConnections: true })
    stops.push(() => app.close())
    await app.register(forFastify.responseCache, { cache })
    const gate = new Gate()
    let runs = 0
    app.get('/', async (_, reply) => {
      if (++runs > 1) return 'second'
      await gate.opened
      reply.hijack()
      reply.raw.end('raw')
      return undefined
    })
    const url = await app.listen({ port: 0 })
    const leaving = new AbortController()
    const left = fetch(url, { signal: leaving.signal }).catch(() => undefined)
    await eventually(() => runs === 1)
    leaving.abort()
    await left
    await sleep(100) // The server must have noticed.
    gate.open()
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) })
    expect(await response.text()).toBe('second')
  })

  it('does not wait for a handler that sent past Fastify, and whose client has left', async () => {
    const app = fastify({ forceCloseConnections: true })
    stops.push(() => app.close())
    await app.register(forFastify.responseCache, { cache })
    let runs = 0
    app.get('/', (_, reply) => {
      reply.hijack()
      if (++runs === 1) reply.raw.write('never ended')
      else reply.raw.end('raw')
    })
    const url = (await app.listen({ port: 0 })).replace('[::1]', 'localhost')
    const leaving = new AbortController()
    const first = await fetch(url, { signal: leaving.signal })
    expect(first.status).toBe(200)
    leaving.abort()
    const begun = performance.now()
    expect(await (await fetch(url)).text()).toBe('raw')
    expect(performance.now() - begun).toBeLessThan(3_000)
  })

  it('does not take one path for another one', async () => {
    const app = fastify()
    stops.push(() => app.close())
    await app.register(forFastify.responseCache, { cache })
    app.get('/*', async (request, reply) => {
      reply.header('cache-control', 'max-age=60')
      return request.originalUrl
    })
    await app.listen({ port: 0 })
    const { port } = app.server.address() as AddressInfo
    const ask = (path: string) =>
      new Promise<string>((resolve) =>
        get({ port, path }, (response) => response.on('data', (data) => resolve(String(data)))),
      )
    for (const path of ['/x/../page', '/page', '/x/../page']) expect(await ask(path)).toBe(path)
  })

  it('takes no token of a rendering from a client', async () => {
    const app = fastify()
    stops.push(() => app.close())
    await app.register(forFastify.responseCache, { cache })
    app.get('/', async (request, reply) => {
      reply.header('cache-control', 'max-age=60')
      return `token: ${request.headers['x-cache-rendering']}`
    })
    const { body } = await app.inject({ url: '/', headers: { 'x-cache-rendering': 'guessed' } })
    expect(body).toBe('token: undefined')
  })
})
