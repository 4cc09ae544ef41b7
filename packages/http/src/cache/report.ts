import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'

/** Publishes an error that no caller gets, on `cache:error`. */
export type Report = (operation: string, error: unknown) => void

export function reportFor(prefix: string): Report {
  return (operation, error) =>
    emit(channels.error, () => ({ operation: `http ${operation}`, key: prefix, error }))
}
