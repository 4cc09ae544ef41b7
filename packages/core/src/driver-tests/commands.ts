import type { Command } from '../drivers/command.js'

export function command(...args: [string, ...string[]]): Command {
  return { args, keys: [] }
}

export function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error('the condition did not become true within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
