import type { Command } from '../drivers/command.js'
import type { CommandResult, Driver } from '../drivers/driver.js'
import { CacheError, summaryOf } from '../errors.js'
import { redactedError } from '../util/redact.js'

/** Sends commands and returns a promise for the result of each, none of which rejects. */
export type Send = (
  commands: readonly Command[],
  timeout: number,
) => readonly Promise<CommandResult>[]

/**
 * Sends commands through a driver, which may be somebody else's. If it breaks its contract, the
 * results are errors with the code `DRIVER`. Calls `onResult` with each result.
 */
export function sendThrough(
  driver: Pick<Driver, 'send'>,
  commands: readonly Command[],
  timeout: number | undefined,
  onResult: (index: number, result: CommandResult) => void = () => undefined,
): readonly Promise<CommandResult>[] {
  const report = (index: number, result: CommandResult): CommandResult => {
    onResult(index, result)
    return result
  }
  let results: readonly (Promise<CommandResult> | undefined)[] | undefined
  try {
    results = driver.send(commands, timeout === undefined ? {} : { timeout })
  } catch (cause) {
    const error = driverError('threw an error instead of returning one', cause)
    return commands.map((_, index) => Promise.resolve(report(index, error)))
  }
  return commands.map((_, index) => {
    const result = results?.[index]
    return typeof result?.then === 'function'
      ? result.then(
          (value) => report(index, checkResult(value)),
          (cause: unknown) => report(index, rejected(cause)),
        )
      : Promise.resolve(report(index, driverError('returned no promise for a command')))
  })
}

/** An error of another class must not be taken for a reply. */
function checkResult(result: CommandResult): CommandResult {
  return result instanceof Error && !(result instanceof CacheError)
    ? driverError(`returned an error that is not a CacheError: ${summaryOf(result)}`, result)
    : result
}

function rejected(cause: unknown): CacheError {
  return driverError('rejected a promise instead of resolving it with an error', cause)
}

function driverError(what: string, cause?: unknown): CacheError {
  return new CacheError(`The driver ${what.replace(/\.$/, '')}.`, {
    code: 'DRIVER',
    ...(cause !== undefined && { cause: redactedError(cause) }),
  })
}
