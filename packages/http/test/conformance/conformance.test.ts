import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { eventually, startRedis } from '@cache/testkit'
import { expect, it } from 'vitest'

/**
 * A checkout of https://github.com/http-tests/cache-tests at the revision that the README names, in
 * which `npm install` has run. Without it, the test is skipped.
 */
const folder = process.env.CACHE_TESTS ?? ''
/** The columns of the README after our own, by the files of the suite. */
const published = ['nginx', 'varnish', 'squid', 'apache', 'trafficserver', 'caddy']
/** The rows of the README, by the kind and the results of a test. */
const rows: readonly (readonly [title: string, kind: string, isCounted: Count])[] = [
  ['required: passed', 'required', (result) => result === 'pass'],
  ['required: failed', 'required', (result) => result === 'fail'],
  ['required: not counted', 'required', (result) => result !== 'pass' && result !== 'fail'],
  ['optional: passed', 'optimal', (result) => result === 'pass'],
  ['optional: not passed', 'optimal', (result) => result !== 'pass'],
]
type Count = (result: string) => boolean
type Results = Readonly<Record<string, unknown>>

interface Suite {
  readonly tests: readonly {
    readonly id: string
    readonly kind?: string
    readonly browser_only?: boolean
  }[]
}

const title = 'http-tests/cache-tests has the results that the README shows (CACHE_TESTS)'
it.skipIf(folder === '')(
  title,
  async () => {
    await using redis = await startRedis()
    const [origin, proxy] = [await freePort(), await freePort()]
    await using processes = new Processes()
    processes.start('test-engine/server/server.mjs', [], folder, {
      npm_config_protocol: 'http',
      npm_config_port: String(origin),
      npm_config_pidfile: join(redis.directory, 'origin.pid'),
    })
    const proxyFile = fileURLToPath(new URL('proxy.ts', import.meta.url))
    const here = fileURLToPath(new URL('.', import.meta.url))
    const proxyArgs = [String(proxy), `http://localhost:${origin}`, redis.url]
    processes.start(proxyFile, proxyArgs, here, {}, ['--import', 'tsx'])
    await Promise.all([origin, proxy].map(listening))
    const cli = processes.start('test-engine/cli.mjs', [], folder, {
      npm_config_base: `http://localhost:${proxy}`,
      npm_config_id: '',
      npm_package_config_id: '',
      npm_package_config_base: '',
    })
    const own = JSON.parse(await outputOf(cli)) as Results
    const peers = published.map(
      (name) => JSON.parse(readFileSync(join(folder, `results/${name}.json`), 'utf8')) as Results,
    )
    const count = await counter()
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    for (const [row, kind, isCounted] of rows) {
      const cells = new RegExp(`\\| ${row} +\\|(.*)\\|`).exec(readme)?.[1]?.split('|').map(Number)
      expect(
        [own, ...peers].map((results) => count(results, kind, isCounted)),
        row,
      ).toEqual(cells)
    }
  },
  600_000,
)

/** Returns a function that counts the tests of a kind whose result is counted. */
async function counter(): Promise<(results: Results, kind: string, isCounted: Count) => number> {
  const load = (file: string) => import(pathToFileURL(join(folder, file)).href)
  const suites = ((await load('tests/index.mjs')) as { default: readonly Suite[] }).default
  const { determineTestResult, resultTypes } = (await load('test-engine/lib/results.mjs')) as {
    determineTestResult(all: readonly Suite[], id: string, results: Results): unknown
    readonly resultTypes: Readonly<Record<string, unknown>>
  }
  const nameOf = (result: unknown): string =>
    Object.keys(resultTypes).find((name) => resultTypes[name] === result) ?? 'untested'
  return (results, wanted, isCounted) =>
    suites
      .flatMap(({ tests }) => tests)
      .filter(({ kind = 'required', browser_only: isForBrowsers }) => {
        return kind === wanted && !isForBrowsers
      })
      .filter(({ id }) => isCounted(nameOf(determineTestResult(suites, id, results)))).length
}

class Processes implements AsyncDisposable {
  readonly #started: ChildProcess[] = []

  start(
    file: string,
    args: readonly string[],
    cwd: string,
    env: Record<string, string>,
    nodeArgs: readonly string[] = [],
  ): ChildProcess {
    const started = spawn(process.execPath, [...nodeArgs, file, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    this.#started.push(started)
    return started
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#started) one.kill('SIGKILL')
  }
}

async function outputOf({ stdout }: ChildProcess): Promise<string> {
  let text = ''
  for await (const part of stdout!) text += String(part)
  return text
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function listening(port: number): Promise<unknown> {
  const isListening = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, 'localhost', () => resolve(socket.end() && true))
      socket.on('error', () => resolve(false))
    })
  return eventually(isListening, { within: 60_000, every: 100 })
}
