// A caching reverse proxy, for https://github.com/http-tests/cache-tests. Usage:
//   node --import tsx test/conformance/proxy.ts <port> <url of the origin> <url of Redis>
import { request as httpRequest } from 'node:http'
import { Readable } from 'node:stream'
import { serve } from '@hono/node-server'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { Redis } from 'ioredis'
import { createHttpCache, type Handler } from '@cache/http'

const [port, origin, redisUrl] = process.argv.slice(2) as [string, string, string]
const client = createCacheClient(ioredisDriver(new Redis(redisUrl)))
const cache = createHttpCache({ client, prefix: 'proxy' })

const fromOrigin: Handler = (request) =>
  new Promise((resolve, reject) => {
    const { pathname, search } = new URL(request.url)
    const sent = httpRequest(new URL(pathname + search, origin), {
      method: request.method,
      headers: Object.fromEntries(request.headers),
    })
    sent.on('error', reject)
    sent.on('response', (incoming) => {
      const headers = new Headers()
      for (let i = 0; i < incoming.rawHeaders.length; i += 2)
        headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!)
      headers.delete('transfer-encoding')
      const status = incoming.statusCode ?? 500
      const hasBody = request.method !== 'HEAD' && ![204, 304].includes(status)
      const body = hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array>) : null
      if (!hasBody) incoming.resume()
      resolve(new Response(body, { status: status > 599 ? 500 : status, headers }))
    })
    if (request.body) Readable.fromWeb(request.body as never).pipe(sent)
    else sent.end()
  })

serve({
  port: Number(port),
  fetch: async (request) => {
    try {
      return await cache.handle(request, fromOrigin)
    } catch {
      return new Response('Bad gateway', { status: 502 })
    }
  },
})
