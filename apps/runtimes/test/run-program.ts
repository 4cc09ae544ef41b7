import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startRedis } from '@cache/testkit'
import type { ClientName } from '../src/clients.js'
import type { CaseResult } from '../src/program.js'
import type { Servers } from '../src/stage.js'

export type ModuleFormat = 'ESM' | 'CommonJS'

/** What a run of the program has reported, and how it ended. */
export interface ProgramResult {
  readonly results: ReadonlyMap<string, CaseResult>
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

const programs: Readonly<Record<ModuleFormat, string>> = {
  ESM: fileURLToPath(new URL('../dist/program.js', import.meta.url)),
  CommonJS: fileURLToPath(new URL('../dist/program.cjs', import.meta.url)),
}

/**
 * Runs the program under a runtime, with two Redis servers and a cache of compiled code of its own:
 * Deno 2.9 also executes a cached file after it was replaced by another one of the same length
 * (denoland/deno#36413).
 */
export async function runProgram(
  [file, ...args]: readonly [string, ...string[]],
  format: ModuleFormat,
  client: ClientName,
): Promise<ProgramResult> {
  await using first = await startRedis()
  await using second = await startRedis()
  const servers: Servers = { urls: [first.url, second.url], secondPid: second.pid }
  const child = spawn(file, [...args, programs[format], client, JSON.stringify(servers)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      NO_COLOR: '1',
      DENO_NO_UPDATE_CHECK: '1',
      DENO_DIR: join(first.directory, 'deno'),
    },
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<Pick<ProgramResult, 'code' | 'signal'>>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  const results = lines.map((line) => JSON.parse(line) as CaseResult)
  return { results: new Map(results.map((result) => [result.name, result])), ...end, stderr }
}

const TIME_LIMIT_MS = 180_000
