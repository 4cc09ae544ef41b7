import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  type Command,
  type CommandResult,
  type Connection,
  type Reply,
  type SendOptions,
} from '@cache/core'
import { encodeCommand, ErrorReply, ReplyReader, type RawReply } from './resp.js'

/** A connection for commands. It connects when it is first used, and again after a loss. */
export class CommandConnection implements Connection {
  readonly #address: TcpNetConnectOpts
  readonly #timeout: number | undefined
  #socket: Socket | undefined
  /** The commands that are not written yet, because there is no connection. */
  #waiting: PendingCommand[] = []
  /** The commands without a reply, in the order in which they were written. */
  #written: PendingCommand[] = []
  #closed = false

  /** `timeout` is that of commands whose sender gives none. By default they have no deadline. */
  constructor(address: TcpNetConnectOpts, timeout?: number) {
    this.#address = address
    this.#timeout = timeout
  }

  send(commands: readonly Command[], options: SendOptions = {}): Promise<CommandResult>[] {
    const sent = commands.map((command) => new PendingCommand(command))
    if (this.#closed) for (const one of sent) one.fail('the driver is closed')
    else if (sent.length > 0) {
      this.#waiting = [...this.#waiting, ...sent]
      this.#socket ??= this.#connect()
      if (!this.#socket.connecting) this.#write()
      this.#expire(sent, options.timeout ?? this.#timeout)
    }
    return sent.map(({ result }) => result)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#socket?.destroy()
    this.#failAll('the driver is closed')
  }

  #connect(): Socket {
    const socket = connect({ keepAlive: true, ...this.#address }).setNoDelay()
    const reader = new ReplyReader()
    let reason = 'the server closed the connection'
    socket.on('connect', () => this.#write())
    socket.on('data', (chunk) => {
      for (const reply of reader.read(chunk)) this.#written.shift()?.receive(reply)
    })
    socket.on('error', (error) => (reason = error.message))
    socket.on('close', () => {
      this.#socket = undefined
      this.#failAll(reason)
    })
    return socket
  }

  #write(): void {
    const commands = this.#waiting
    this.#waiting = []
    this.#written.push(...commands)
    this.#socket!.write(Buffer.concat(commands.map(({ command }) => encodeCommand(command.args))))
  }

  #expire(sent: readonly PendingCommand[], timeout: number | undefined): void {
    if (timeout === undefined) return
    const timer = setTimeout(() => {
      // If the event loop was blocked, the replies are still in the socket. Read them first.
      setImmediate(() => {
        for (const one of sent) one.timeOut(timeout)
        // Never send a command that was reported as failed.
        this.#waiting = this.#waiting.filter(({ settled }) => !settled)
      })
    }, timeout)
    void Promise.all(sent.map(({ result }) => result)).then(() => clearTimeout(timer))
  }

  #failAll(reason: string): void {
    const failed = [...this.#written, ...this.#waiting]
    this.#written = []
    this.#waiting = []
    for (const one of failed) one.fail(reason)
  }
}

class PendingCommand {
  readonly command: Command
  readonly result: Promise<CommandResult>
  settled = false
  #resolve!: (result: CommandResult) => void

  constructor(command: Command) {
    this.command = command
    this.result = new Promise((resolve) => (this.#resolve = resolve))
  }

  receive(reply: RawReply): void {
    this.#settle(this.#decode(reply) as CommandResult)
  }

  fail(reason: string): void {
    this.#settle(new ConnectionError(`${this.command.args[0]} failed: ${reason}`, this.#details()))
  }

  timeOut(timeout: number): void {
    const message = `${this.command.args[0]} got no reply within ${timeout} ms`
    this.#settle(new CommandTimeoutError(message, this.#details()))
  }

  /** The first result counts: a reply that arrives after the deadline is dropped. */
  #settle(result: CommandResult): void {
    this.settled = true
    this.#resolve(result)
  }

  #decode(reply: RawReply): Reply | ServerError {
    if (reply instanceof ErrorReply)
      return ServerError.fromReply(reply.text, { ...this.#details(), args: this.command.args })
    if (Buffer.isBuffer(reply)) return this.command.binary ? reply : reply.toString()
    if (!Array.isArray(reply)) return reply as number | null
    return reply.map((one: RawReply) => this.#decode(one)) as Reply
  }

  #details() {
    return { command: this.command.args[0], key: this.command.keys[0] }
  }
}
