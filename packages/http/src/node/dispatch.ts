import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { captureResponse } from './capture.js'

/** A server application of Node: Express, Connect, or a plain listener. */
export type NodeApp = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => unknown

/**
 * Sends a request without a body through an application, without a connection. `like` is a request
 * of the same client: the new one seems to come from its address.
 */
export function dispatch(
  app: NodeApp,
  request: Request,
  like: IncomingMessage,
  onRequest: (incoming: IncomingMessage) => void,
): Promise<Response> {
  const socket = new Socket()
  for (const name of ['remoteAddress', 'remotePort', 'encrypted'] as const)
    Object.defineProperty(socket, name, {
      value: (like.socket as unknown as Record<string, unknown>)[name],
    })
  const { pathname, search } = new URL(request.url)
  const incoming = new IncomingMessage(socket)
  Object.assign(incoming, {
    method: request.method,
    url: pathname + search,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    complete: true,
  })
  Object.assign(incoming.headers, Object.fromEntries(request.headers))
  incoming.push(null)
  onRequest(incoming)
  const response = new ServerResponse(incoming)
  const captured = captureResponse(response)
  return new Promise((resolve, reject) => {
    captured.response.then(resolve, reject)
    app(incoming, response, (error) => {
      reject(error instanceof Error ? error : new Error('no route answered the request'))
    })
  })
}
