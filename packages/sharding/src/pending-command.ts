import type { CacheError, Command, CommandResult } from '@cache/core'

/** A command that is being routed, and the promise of its result. */
export class PendingCommand {
  readonly command: Command
  readonly result: Promise<CommandResult>
  /** Settles the promise. Only the first result counts. */
  readonly settle: (result: CommandResult) => void

  constructor(command: Command) {
    this.command = command
    let settle!: (result: CommandResult) => void
    this.result = new Promise((resolve) => (settle = resolve))
    this.settle = settle
  }

  get keys(): readonly string[] {
    return this.command.keys
  }
}

/** Settles commands with errors. */
export function failAll(
  pending: readonly PendingCommand[],
  error: (command: Command) => CacheError,
): void {
  for (const one of pending) one.settle(error(one.command))
}
