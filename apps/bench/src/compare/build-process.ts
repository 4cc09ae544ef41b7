import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Cost, Reply, Request } from './messages.js'

/** A build of the project: the current one, or the checkout of a commit. */
export interface Build {
  readonly name: string
  readonly root: string
}

/** A process that runs `child.ts` with a build. */
export class BuildProcess implements Disposable {
  readonly #child: ChildProcess

  constructor({ root }: Build) {
    this.#child = fork('src/compare/child.ts', {
      cwd: join(root, 'apps/bench'),
      execArgv: ['--expose-gc', '--import', 'tsx'],
    })
  }

  /**
   * Sends a request, and returns the reply. Rejects if the build cannot do it, or if the process
   * ends.
   */
  async ask(request: Request): Promise<Cost> {
    const answered = new AbortController()
    const { signal } = answered
    try {
      this.#child.send(request)
      const reply = await Promise.race([
        once(this.#child, 'message', { signal }).then(([message]) => message as Reply),
        once(this.#child, 'exit', { signal }).then(([code]): Reply => ({
          error: `The process ended with ${code}.`,
        })),
      ])
      if ('error' in reply) throw new Error(reply.error)
      return reply
    } finally {
      answered.abort()
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}
