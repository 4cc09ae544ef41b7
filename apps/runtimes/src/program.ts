// Runs all cases with one client and writes a line of JSON for each:
// `program.js <client> <{ urls, secondPid }>`. Then it ends by itself: what was closed keeps no
// process alive.
import { inspect } from 'node:util'
import { cases } from './cases.js'
import type { ClientName } from './clients.js'
import { Stage, type Case, type Servers } from './stage.js'

/** The result of a case, or of the run (`name: 'end'`). */
export interface CaseResult {
  readonly name: string
  readonly error?: string
}

const TIME_LIMIT_MS = 40_000

async function main(): Promise<void> {
  const [clientName, servers] = process.argv.slice(2) as [ClientName, string]
  for (const [name, run] of Object.entries(cases)) {
    const stage = new Stage(clientName, JSON.parse(servers) as Servers)
    report({ name, ...(await outcome(run, stage)) })
  }
  report({ name: 'end' })
}

async function outcome(run: Case, stage: Stage): Promise<{ error?: string }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('It has not ended in time.')), TIME_LIMIT_MS)
  })
  try {
    await Promise.race([run(stage).finally(() => stage.close()), late])
    return {}
  } catch (error) {
    return { error: inspect(error) }
  } finally {
    clearTimeout(timer)
  }
}

function report(result: CaseResult): void {
  console.log(JSON.stringify(result))
}

void main()
