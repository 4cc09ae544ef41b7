import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Cost, Reply, Request } from './messages.js'

/** A build of the project: the current one, or the checkout of a commit. */
export interface Build {
  readonly name: string
  readonly root: string
}

/** A build can not do a comparison: it lacks a feature, or its process has failed. */
export class BuildError extends Error {
  readonly build: Build

  constructor(build: Build, reason: string) {
    super(`${build.name} cannot do this: ${reason}`)
    this.name = 'BuildError'
    this.build = build
  }
}

/** A process that runs `child.ts` with a build. */
export class BuildProcess implements Disposable {
  readonly #build: Build
  readonly #child: ChildProcess

  constructor(build: Build) {
    this.#build = build
    this.#child = fork('src/compare/child.ts', {
      cwd: join(build.root, 'apps/bench'),
      execArgv: ['--expose-gc', '--import', 'tsx'],
    })
  }

  /**
   * Sends a request, and returns the reply.
   *
   * @throws {BuildError} if the build cannot do it, or if the process ends.
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
      if ('error' in reply) throw new BuildError(this.#build, reply.error)
      return reply
    } finally {
      answered.abort()
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}
