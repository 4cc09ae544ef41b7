import { findOwnRedis } from '../find/find-redis.js'
import { startContainer } from './container.js'
import { localMachine } from './local.js'
import type { Machine } from './machine.js'

let machine: Promise<Machine> | undefined

/** Returns the machine on which this process starts servers. It is looked up once. */
export function ownMachine(): Promise<Machine> {
  return (machine ??= findMachine())
}

async function findMachine(): Promise<Machine> {
  const source = await findOwnRedis()
  if (source.kind === 'binary') return localMachine(source.path)
  return startContainer(source.image)
}
