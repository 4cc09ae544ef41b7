import { eventually, type RedisServer } from '@cache/testkit'

/**
 * Kills a primary once its replicas have all acknowledged writes. It pauses writes until all
 * servers have the same offset. A write that was not replicated is therefore not acknowledged
 * either.
 */
export async function killInSync(
  primary: RedisServer,
  replicas: readonly RedisServer[],
): Promise<void> {
  await primary.cli('CLIENT', 'PAUSE', 10_000, 'WRITE')
  try {
    await eventually(
      async () => {
        const [sent, ...received] = await Promise.all([primary, ...replicas].map(offsetOf))
        return received.every((offset) => offset === sent)
      },
      { within: 5_000 },
    )
  } catch (error) {
    await primary.cli('CLIENT', 'UNPAUSE')
    throw error
  }
  await primary.kill()
}

/** Returns the offset that a primary has sent, or that a replica has processed. */
async function offsetOf(server: RedisServer): Promise<number> {
  const info = await server.cli('INFO', 'replication')
  const field = info.includes('role:master') ? 'master_repl_offset' : 'slave_repl_offset'
  return Number(new RegExp(`${field}:(\\d+)`).exec(info)?.[1])
}

export async function untilPrimary(server: RedisServer): Promise<void> {
  await eventually(async () => (await server.cli('ROLE')).startsWith('master'), { within: 60_000 })
}
