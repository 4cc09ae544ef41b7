import { findOwnRedis } from '../find/find-redis.js'
import { localMachine } from './local.js'
import type { Machine } from './machine.js'

let found: Promise<Machine> | undefined

/** Where this process starts servers of its own; found once. */
export function ownMachine(): Promise<Machine> {
  return (found ??= find())
}

async function find(): Promise<Machine> {
  const source = await findOwnRedis()
  if (source.kind === 'binary') return localMachine(source.path)
  const { startContainer } = await import('./container.js')
  return startContainer(source.image)
}
