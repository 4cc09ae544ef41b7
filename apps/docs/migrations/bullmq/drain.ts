import type { Queue } from 'bullmq'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Resolves once a queue of BullMQ has no job left, with the number of jobs that failed for good.
 * Call it when no process adds jobs any more, and while the old workers still run.
 */
export async function drained(queue: Queue): Promise<{ readonly failed: number }> {
  const left = () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')
  while ((await left()) > 0) await sleep(100)
  return { failed: await queue.getFailedCount() }
}
