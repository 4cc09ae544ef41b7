import type { ComparedTask, OpenTask } from './compared-task.js'
import type { Cost, Reply, Request } from './messages.js'

// A process with one build. It does the work that its parent asks for, and measures it.

let task: ComparedTask

async function answer(request: Request): Promise<Cost> {
  switch (request.type) {
    case 'open': {
      const file = new URL(`tasks/${request.task}.ts`, import.meta.url).href
      const { open } = (await import(file)) as { open: OpenTask }
      task = await open(request.place, request.variant)
      return { wall: 0, cpu: 0 }
    }
    case 'before round':
      await task.beforeRound?.(request.operations)
      return { wall: 0, cpu: 0 }
    case 'after round':
      await task.afterRound?.()
      return { wall: 0, cpu: 0 }
    case 'round': {
      globalThis.gc!() // So that a round does not pay for the garbage of the one before.
      const before = process.cpuUsage()
      const started = performance.now()
      await task.round(request.operations)
      const wall = (performance.now() - started) * 1_000
      const { user, system } = process.cpuUsage(before)
      return { wall, cpu: user + system }
    }
  }
}

process.on('message', (request: Request) => {
  const send = (reply: Reply) => process.send!(reply)
  answer(request).then(send, (error: unknown) =>
    send({ error: error instanceof Error ? error.message : String(error) }),
  )
})
process.on('disconnect', () => process.exit())
