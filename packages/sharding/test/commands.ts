import type { Command } from '@cache/core'
import { vi } from 'vitest'

/** Returns a command on a key. */
export const commandOn = (key: string, ...args: [string, ...string[]]): Command => ({
  args,
  keys: [key],
})

/** Repeats a check until it passes. The timeout is long, because machines may be busy. */
export const eventually = <T>(check: () => T) =>
  vi.waitFor(check, { timeout: 45_000, interval: 20 })
