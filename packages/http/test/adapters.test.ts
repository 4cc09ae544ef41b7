import { request as httpRequest } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { eventually, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { clientNames, Clients, Gate } from './clients.js'
import { frameworks, Work, type Instance } from './servers.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const cases = Object.keys(frameworks).flatMap((framework) =>
  clientNames.map((client) => ({ framework, client })),
)

describe.each(cases)('two instances on $framework and $client', ({ framework, client }) => {
  const clients = new Clients()
  let work: Work
  let instances: Instance[]
  beforeEach(async () => {
    await server.flush()
    work = new Work()
    instances = await Promise.all(
      [1, 2].map(() => frameworks[framework]!(clients.create(client, server.url), work)),
    )
  })
  afterEach(async () => {
    await Promise.all(instances.map((instance) => instance.stop()))
    await clients.end()
  })

  const ask = (instance: number, path: string, options: AskOptions = {}) =>
    askUrl(`${instances[instance]!.url}${path}`, options)

  it('serves on one instance what another one has rendered', async () => {
    const first = await ask(0, '/page')
    const second = await ask(1, '/page')
    expect([first.text, second.text]).toEqual(['render 1 for undefined', 'render 1 for undefined'])
    const status = second.response.headers.get('cache-status')
    expect(status).toMatch(/^cache; hit; ttl=\d+$/)
    expect(second.response.headers.has('cache-tag')).toBe(false)
    expect(second.response.headers.get('content-type')).toMatch(/^text\//)
    // What was set outside the cache belongs to each request.
    const ids = [first, second].map(({ response }) => response.headers.get('x-request'))
    expect(ids[0]).not.toBeNull()
    expect(ids[0]).not.toBe(ids[1])
  })

  it('renders a cold page once for both instances', async () => {
    const gate = new Gate()
    work.gate = gate.opened
    const answers = Array.from({ length: 10 }, (_, i) => ask(i % 2, '/slow'))
    await eventually(() => work.renders > 0)
    gate.open()
    const texts = (await Promise.all(answers)).map(({ text }) => text)
    expect(new Set(texts)).toEqual(new Set(['render 1 for undefined']))
    expect(work.renders).toBe(1)
  })

  it('answers 304, and renders whole pages for clients that have an older one', async () => {
    const etag = (await ask(0, '/page')).response.headers.get('etag')!
    await instances[0]!.purge('products')
    const conditional = { headers: { 'if-none-match': etag } }
    const changed = await ask(1, '/page', conditional)
    expect(changed.text).toBe('render 2 for undefined')
    const now = { headers: { 'if-none-match': changed.response.headers.get('etag')! } }
    expect((await ask(0, '/page', now)).response.status).toBe(304)
    expect(work.renders).toBe(2)
  })

  it('renders a stale page again in the background, once for both instances', async () => {
    await ask(0, '/swr')
    await eventually(async () => {
      const { text, response } = await ask(1, '/swr', { headers: { 'x-user': 'ann' } })
      expect(response.headers.get('cache-status')).toMatch(/hit/)
      return text === 'render 2 for ann'
    })
    expect(work.renders).toBeLessThanOrEqual(3)
  })

  it('stores nothing that is private', async () => {
    for (const user of ['ann', 'bob'])
      expect((await ask(0, '/private', { headers: { 'x-user': user } })).text).toContain(user)
    const sessions = [await ask(0, '/session'), await ask(0, '/session')]
    const cookies = sessions.map(({ response }) => response.headers.getSetCookie()[0])
    expect(cookies[0]).toMatch(/^session=/)
    expect(cookies[0]).not.toBe(cookies[1])
  })

  it('stores what is written in parts, and answers compressed as before', async () => {
    const texts = [await ask(0, '/stream'), await ask(1, '/stream')].map(({ text }) => text)
    expect(texts).toEqual(['one two three', 'one two three'])
    expect(work.renders).toBe(1)
    if (!framework.startsWith('Express')) return
    const compressed = { headers: { 'accept-encoding': 'gzip' } }
    for (let i = 0; i < 2; i++) {
      const { response, text } = await ask(i, '/stream', compressed)
      expect(response.headers.get('content-encoding')).toBe('gzip')
      expect(text).toBe('one two three')
    }
  })

  it('streams large bodies', async () => {
    const { response, text } = await ask(0, '/big')
    expect(text.length).toBe(3 * 1024 * 1024)
    expect(response.headers.get('cache-status')).toContain('detail=too-large')
  })

  it('leaves errors to the error handler, and stores none', async () => {
    for (let i = 0; i < 2; i++) expect((await ask(i, '/fails')).response.status).toBe(500)
    expect(work.renders).toBe(2)
  })

  it('answers HEAD from the page', async () => {
    const { text } = await ask(0, '/page')
    const head = await ask(1, '/page', { method: 'HEAD' })
    expect(head.response.headers.get('content-length')).toBe(String(text.length))
    expect(head.text).toBe('')
  })

  it('purges a page when its URL is changed through another instance', async () => {
    await ask(0, '/page')
    expect((await ask(1, '/page', { method: 'POST' })).response.status).toBe(201)
    expect((await ask(0, '/page')).text).toBe('render 2 for undefined')
  })

  describe('with Idempotency-Key', () => {
    const charge = (key: string, amount = 1) => ({
      method: 'POST',
      body: JSON.stringify({ amount }),
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
    })

    it('charges once, and replays the response from the other instance', async () => {
      const first = await ask(0, '/charge', charge('k'))
      const retry = await ask(1, '/charge', charge('k'))
      expect([first.text, retry.text]).toEqual(Array(2).fill('{"charge":1,"amount":1}'))
      expect(retry.response.status).toBe(201)
      expect(retry.response.headers.get('content-type')).toContain('application/json')
      expect(retry.response.headers.get('idempotency-replayed')).toBe('true')
      expect((await ask(1, '/charge', charge('k', 2))).response.status).toBe(422)
      expect(work.charges).toBe(1)
      expect(work.attempts).toEqual([1])
    })

    it('charges once for 10 requests at the same time', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => ask(i % 2, '/charge', charge('k'))),
      )
      const statuses = answers.map(({ response }) => response.status)
      expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([])
      expect(work.charges).toBe(1)
    })
  })
})

interface AskOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** All instances have the same host, as behind a proxy. `fetch` does not let callers set it. */
function askUrl(url: string, { method = 'GET', headers, body }: AskOptions) {
  return new Promise<{ response: Response; text: string }>((resolve, reject) => {
    const sent = httpRequest(url, { method, headers: { ...headers, host: 'shop.test' } })
    sent.on('error', reject)
    sent.on('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('error', reject)
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const received = new Headers()
        for (let i = 0; i < incoming.rawHeaders.length; i += 2)
          received.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!)
        const bytes = Buffer.concat(chunks)
        const isCompressed = received.get('content-encoding') === 'gzip' && bytes.length > 0
        resolve({
          response: new Response(null, { status: incoming.statusCode!, headers: received }),
          text: String(isCompressed ? gunzipSync(bytes) : bytes),
        })
      })
    })
    sent.end(body)
  })
}
