import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { idKinds } from '../../workload/id-kinds.js'
import type { OpenTask } from '../compared-task.js'

export const open: OpenTask = async (_place, variant) => {
  const client = createCacheClient(memoryDriver(), { namespace: 'shop' })
  const ids = idKinds[variant === 'plain keys' ? 'plain' : 'composite']!
  let length = 0
  return {
    async round(operations) {
      for (let i = 0; i < operations; i++) length += client.key(ids[i % ids.length]!).length
      if (length === 0) throw new Error('The keys are empty.')
    },
  }
}
