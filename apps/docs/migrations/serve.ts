import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The decoded JSON, or the text if it is none. */
  readonly body: unknown
}

export interface RunningService extends AsyncDisposable {
  /** Sends a request, with `body` as JSON. */
  send(method: string, path: string, body?: unknown): Promise<Answer>
}

/** Lets an Express application listen on a free port of this machine. */
export async function serve(app: Express): Promise<RunningService> {
  app.set('env', 'test') // no stack traces on stderr
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    async send(method, path, body) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, body: parsed(text) }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
