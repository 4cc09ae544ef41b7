import { setTimeout as sleep } from 'node:timers/promises'

/** Repeats a check until it returns `true`. The time limit of the case ends it otherwise. */
export async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(10)
}
