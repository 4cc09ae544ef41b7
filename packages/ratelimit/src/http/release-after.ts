import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Decision } from '../decision.js'

/**
 * Releases a decision's slot when the response has been sent, or the client has left: also before
 * the decision came. A response that waits
 * behind others of its connection (HTTP/1.1 pipelining) does not hear that the client has left, and
 * one that was upgraded never ends: the
 * connection says so.
 */
export function releaseAfter(
  request: IncomingMessage,
  response: ServerResponse,
  decision: Decision,
): void {
  const socket = request.httpVersionMajor < 2 ? request.socket : undefined
  const over = (): void => {
    response.off('close', over)
    if (socket) waitingFor(socket).delete(over)
    void decision.release()
  }
  response.once('close', over)
  if (socket) waitingFor(socket).add(over)
  if (response.destroyed || streamOf(response)?.destroyed || socket?.destroyed) over()
}

/** Of HTTP/2, where the response itself does not say that the client has left. */
function streamOf(response: object): Http2ServerResponse['stream'] | undefined {
  return (response as Partial<Http2ServerResponse>).stream
}

const waiting = new WeakMap<Socket, Set<() => void>>()

/** What is to be done when a connection ends: one listener for all of its requests. */
function waitingFor(socket: Socket): Set<() => void> {
  const known = waiting.get(socket)
  if (known) return known
  const all = new Set<() => void>()
  waiting.set(socket, all)
  socket.once('close', () => {
    for (const over of [...all]) over()
  })
  return all
}
