import type { CacheClient } from '@cache/core'

export interface Connected {
  readonly client: CacheClient
  close(): Promise<void>
}
