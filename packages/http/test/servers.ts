import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import type { CacheClient } from '@cache/core'
import compression from 'compression'
import express5 from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import * as forExpress from '../src/adapters/express.js'
import * as forFastify from '../src/adapters/fastify.js'
import * as forHono from '../src/adapters/hono.js'
import { createHttpCache, createIdempotency, type IdempotencyContext } from '../src/index.js'

/** What the handlers of all instances of a test have done together. */
export class Work {
  renders = 0
  charges = 0
  readonly attempts: number[] = []
  /** What the slow pages wait for. */
  gate: Promise<void> = Promise.resolve()
}

export interface Instance {
  readonly url: string
  purge(tag: string): Promise<void>
  stop(): Promise<void>
}

/** One instance of the same service, written for a framework. */
export type Start = (client: CacheClient, work: Work) => Promise<Instance>

const parts = (client: CacheClient) => ({
  cache: createHttpCache({ client, prefix: 'pages', waitFor: '30s' }),
  idempotency: createIdempotency({
    client,
    prefix: 'keys',
    scope: (request) => request.headers.get('x-user') ?? '',
    claimTtl: '1s',
  }),
})

const headersOf: Record<string, Record<string, string>> = {
  '/page': { 'cache-control': 'max-age=60', 'cache-tag': 'products' },
  '/swr': { 'cache-control': 'max-age=1, stale-while-revalidate=60' },
  '/private': { 'cache-control': 'private, max-age=60' },
  '/slow': { 'cache-control': 'max-age=60' },
}
const big = 'x'.repeat(3 * 1024 * 1024)

function expressApp(create: () => any, json: any): Start {
  return async (client, work) => {
    const { cache, idempotency } = parts(client)
    const app = create()
    app.use(compression({ threshold: 0 }))
    app.use((_: unknown, response: any, next: () => void) => {
      response.setHeader('x-request', String(Math.random()))
      next()
    })
    const routes = create()
    routes.use(forExpress.responseCache({ cache }))
    for (const [path, headers] of Object.entries(headersOf))
      routes.get(path, (request: any, response: any, next: (error: unknown) => void) => {
        const render = async () => {
          const number = ++work.renders
          if (path === '/slow') await work.gate
          response.set(headers)
          response.send(`render ${number} for ${request.get('x-user')}`)
        }
        render().catch(next)
      })
    routes.get('/session', (_: unknown, response: any) => {
      response.set('cache-control', 'max-age=60')
      response.cookie('session', String(++work.renders)).json({ renders: work.renders })
    })
    routes.get('/stream', (_: unknown, response: any) => {
      work.renders++
      response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Type': 'text/plain' })
      response.write('one ')
      response.write(Buffer.from('two '))
      setImmediate(() => response.end('three'))
    })
    routes.get('/big', (_: unknown, response: any) => {
      response.set('cache-control', 'max-age=60').send(big)
    })
    routes.get('/fails', () => {
      work.renders++
      throw new Error('broken')
    })
    routes.post('/page', (_: unknown, response: any) => response.status(201).send('changed'))
    routes.post(
      '/charge',
      json(),
      forExpress.idempotencyKeys({ idempotency }),
      (request: any, response: any) => {
        const { attempt } = response.locals.idempotency as IdempotencyContext
        work.attempts.push(attempt)
        response.status(201).json({ charge: ++work.charges, amount: request.body?.amount })
      },
    )
    app.use('/shop', routes)
    app.use((_error: unknown, _request: unknown, response: any, _next: unknown) =>
      response.status(500).send('error page'),
    )
    const server = createServer(app).listen(0)
    return running(server, '/shop', (tag) => cache.purgeTags(tag))
  }
}

const onFastify: Start = async (client, work) => {
  const { cache, idempotency } = parts(client)
  const app = fastify()
  app.addHook('onRequest', async (_, reply) => {
    reply.header('x-request', String(Math.random()))
  })
  await app.register(
    async (routes) => {
      await routes.register(forFastify.responseCache, { cache })
      await routes.register(forFastify.idempotencyKeys, { idempotency })
      for (const [path, headers] of Object.entries(headersOf))
        routes.get(path, async (request, reply) => {
          const number = ++work.renders
          if (path === '/slow') await work.gate
          return reply.headers(headers).send(`render ${number} for ${request.headers['x-user']}`)
        })
      routes.get('/session', async (_, reply) => {
        reply.headers({ 'cache-control': 'max-age=60', 'set-cookie': `session=${++work.renders}` })
        return { renders: work.renders }
      })
      routes.get('/stream', async (_, reply) => {
        work.renders++
        const { Readable } = await import('node:stream')
        return reply
          .headers({ 'cache-control': 'max-age=60', 'content-type': 'text/plain' })
          .send(Readable.from([Buffer.from('one '), Buffer.from('two '), Buffer.from('three')]))
      })
      routes.get('/big', async (_, reply) => reply.header('cache-control', 'max-age=60').send(big))
      routes.get('/fails', async () => {
        work.renders++
        throw new Error('broken')
      })
      routes.post('/page', async (_, reply) => reply.code(201).send('changed'))
      routes.post('/charge', async (request, reply) => {
        work.attempts.push(request.idempotency!.attempt)
        const { amount } = request.body as { amount: number }
        return reply.code(201).send({ charge: ++work.charges, amount })
      })
    },
    { prefix: '/shop' },
  )
  const url = await app.listen({ port: 0 })
  return {
    url: `${url.replace('[::1]', 'localhost')}/shop`,
    purge: (tag) => cache.purgeTags(tag),
    stop: async () => void (await app.close()),
  }
}

const onHono: Start = async (client, work) => {
  const { cache, idempotency } = parts(client)
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.header('x-request', String(Math.random()))
  })
  const routes = new Hono<{ Variables: forHono.IdempotencyVariables }>()
  routes.use(forHono.responseCache({ cache, app }))
  for (const [path, headers] of Object.entries(headersOf))
    routes.get(path, async (c) => {
      const number = ++work.renders
      if (path === '/slow') await work.gate
      return c.text(`render ${number} for ${c.req.header('x-user')}`, 200, headers)
    })
  routes.get('/session', (c) => {
    c.header('set-cookie', `session=${++work.renders}`)
    return c.json({ renders: work.renders }, 200, { 'cache-control': 'max-age=60' })
  })
  routes.get('/stream', (c) => {
    work.renders++
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of ['one ', 'two ', 'three']) controller.enqueue(Buffer.from(part))
        controller.close()
      },
    })
    return c.body(body, 200, { 'cache-control': 'max-age=60', 'content-type': 'text/plain' })
  })
  routes.get('/big', (c) => c.text(big, 200, { 'cache-control': 'max-age=60' }))
  routes.get('/fails', () => {
    work.renders++
    throw new Error('broken')
  })
  routes.post('/page', (c) => c.text('changed', 201))
  routes.post('/charge', forHono.idempotencyKeys({ idempotency }), async (c) => {
    work.attempts.push(c.get('idempotency').attempt)
    const { amount } = await c.req.json<{ amount: number }>()
    return c.json({ charge: ++work.charges, amount }, 201)
  })
  app.route('/shop', routes)
  app.onError((_, c) => c.text('error page', 500))
  const server = serve({ fetch: app.fetch, port: 0 }) as Server
  return running(server, '/shop', (tag) => cache.purgeTags(tag))
}

async function running(server: Server, path: string, purge: Instance['purge']): Promise<Instance> {
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}${path}`,
    purge,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const frameworks: Readonly<Record<string, Start>> = {
  'Express 5': expressApp(express5, express5.json),
  'Express 4': expressApp(express4 as any, (express4 as any).json),
  Fastify: onFastify,
  Hono: onHono,
}
