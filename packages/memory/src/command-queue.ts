import {
  type CacheError,
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  type Command,
  type CommandResult,
  type Reply,
  type SendOptions,
} from '@cache/core'
import { timerDelay } from '@cache/core/internal'
import { fromBytes, toBytes } from './bytes.js'
import { inLaterTurn } from './later-turn.js'
import { RedisError, Status, type ServerReply } from './server/reply.js'
import type { MemoryServer } from './server/server.js'

/** Commands of one connection: they run in order, and each settles within its time. */
export class CommandQueue {
  readonly #server: MemoryServer
  readonly #timeout: number | undefined
  readonly #open = new Set<(error: CacheError) => void>()
  #silentSince: number | undefined
  isClosed = false

  constructor(server: MemoryServer, timeout: number | undefined) {
    this.#server = server
    this.#timeout = timeout
  }

  get silentFor(): number {
    return this.#silentSince === undefined ? 0 : performance.now() - this.#silentSince
  }

  send(
    commands: readonly Command[],
    { timeout = this.#timeout }: SendOptions = {},
  ): readonly Promise<CommandResult>[] {
    return commands.map((command) => this.#one(command, timeout))
  }

  #one(command: Command, timeout: number | undefined): Promise<CommandResult> {
    if (this.isClosed) return Promise.resolve(closed(command))
    return new Promise((resolve) => {
      const asked = performance.now()
      let timer: ReturnType<typeof setTimeout> | undefined
      let isSettled = false
      const settle = (reply: CommandResult): void => {
        if (isSettled) return
        isSettled = true
        clearTimeout(timer)
        this.#open.delete(settle)
        resolve(reply)
      }
      const tooLate = (): CommandTimeoutError =>
        new CommandTimeoutError(
          `${described(command)} got no reply within ${timeout} ms.`,
          detailsOf(command),
        )
      this.#open.add(settle)
      // The commands of earlier turns run before the timeout is decided, also after a long turn.
      if (timeout !== undefined)
        timer = setTimeout(() => inLaterTurn(() => settle(tooLate())), timerDelay(timeout))
      inLaterTurn(() => {
        const { silent, refused, slow = 0 } = this.#server.faults
        if (refused)
          return settle(
            new ConnectionError(
              `${described(command)} was not sent: the connection was refused.`,
              detailsOf(command),
            ),
          )
        if (silent) return void (this.#silentSince ??= asked)
        this.#silentSince = undefined
        const run = (): void => {
          if (isSettled) return
          const started = performance.now()
          this.#server.blocking(
            command.args.map(toBytes),
            (reply) => {
              // A script that took longer than its time is late, though its timer could not run.
              if (timeout !== undefined && performance.now() - started > timeout) settle(tooLate())
              else settle(fromServer(reply, command))
            },
            () => isSettled,
          )
        }
        if (slow > 0) setTimeout(run, slow)
        else run()
      })
    })
  }

  close(): void {
    this.isClosed = true
    for (const settle of [...this.#open]) settle(closed())
  }
}

function fromServer(reply: ServerReply, command: Command): Reply | CacheError {
  if (reply instanceof RedisError) return serverError(reply, command)
  if (reply instanceof Status) return reply.text
  if (typeof reply === 'string')
    return command.binary ? Buffer.from(reply, 'latin1') : fromBytes(reply)
  if (Array.isArray(reply))
    return reply.map((one) => fromServer(one as ServerReply, command)) as unknown as Reply
  return reply as Reply
}

function serverError(error: RedisError, command: Command): ServerError {
  return ServerError.fromReply(error.message, { ...detailsOf(command), args: command.args })
}

function described({ args, keys }: Command): string {
  return keys[0] === undefined ? args[0] : `${args[0]} ${keys[0]}`
}

function detailsOf({ args, keys }: Command): { readonly command: string; readonly key?: string } {
  return { command: args[0], ...(keys[0] !== undefined && { key: keys[0] }) }
}

export function closed(command?: Command): ConnectionError {
  return new ConnectionError(
    'Nothing was sent: the driver was closed.',
    command ? detailsOf(command) : {},
  )
}
