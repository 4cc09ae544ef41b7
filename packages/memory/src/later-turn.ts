/**
 * Runs `work` in a later turn of the event loop, in the order of the calls. So timers and other
 * callbacks run between a command and its reply, as they do over a socket: a loop that awaits
 * commands does not starve them.
 *
 * Taken when the module is loaded, so that fake timers of tests do not stop it.
 */
export const inLaterTurn: (work: () => void) => void =
  typeof setImmediate === 'function' ? setImmediate : throughMessages()

/** Browsers have no `setImmediate`, and round up short timeouts. */
function throughMessages(): (work: () => void) => void {
  const queue: (() => void)[] = []
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => queue.shift()!())
  port1.start()
  return (work) => {
    queue.push(work)
    port2.postMessage(undefined)
  }
}
