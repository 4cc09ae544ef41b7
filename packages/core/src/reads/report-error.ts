import { channels, emit } from '../client/telemetry.js'

/** Reports an error that no caller sees on `cache:error`. */
export function reportError(operation: string, key: string, error: unknown): void {
  emit(channels.error, () => ({ operation, key, error }))
}
