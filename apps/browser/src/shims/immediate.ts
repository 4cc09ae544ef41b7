const queue: (() => void)[] = []
const { port1, port2 } = new MessageChannel()
port1.addEventListener('message', () => queue.shift()!())
port1.start()

/** Runs `work` in a later turn of the event loop. Browsers have timeouts only, of 4 ms or more. */
export function setImmediate(work: () => void): void {
  queue.push(work)
  port2.postMessage(undefined)
}
