import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Decision } from '../decision.js'

/**
 * Releases the slot of a decision when the response has been sent or the client has left, even if
 * it left before the decision.
 *
 * Two kinds of responses do not emit `close` when the client leaves: one that waits behind others
 * on its connection (HTTP/1.1 pipelining), and one whose connection was upgraded. So this also
 * listens for the end of the connection.
 */
export function releaseAfterResponse(
  request: IncomingMessage,
  response: ServerResponse,
  decision: Decision,
): void {
  const socket = request.httpVersionMajor < 2 ? request.socket : undefined
  const release = (): void => {
    response.off('close', release)
    if (socket) closeListeners(socket).delete(release)
    void decision.release()
  }
  response.once('close', release)
  if (socket) closeListeners(socket).add(release)
  if (response.destroyed || streamOf(response)?.destroyed || socket?.destroyed) release()
}

/**
 * Returns the HTTP/2 stream of a response. The response itself does not tell that it was closed.
 */
function streamOf(response: object): Http2ServerResponse['stream'] | undefined {
  return (response as Partial<Http2ServerResponse>).stream
}

const listenersBySocket = new WeakMap<Socket, Set<() => void>>()

/**
 * Returns the functions that are called when a connection closes. The connection has one event
 * listener for all of its requests.
 */
function closeListeners(socket: Socket): Set<() => void> {
  const existing = listenersBySocket.get(socket)
  if (existing) return existing
  const listeners = new Set<() => void>()
  listenersBySocket.set(socket, listeners)
  socket.once('close', () => {
    for (const listener of [...listeners]) listener()
  })
  return listeners
}
