import { limitTo } from '@cache/core'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { cases } from '../src/cases.js'
import { clients, type ClientName } from '../src/clients.js'
import { runProgram, type ModuleFormat, type ProgramResult } from './run-program.js'

const clientNames = Object.keys(clients) as ClientName[]
const combinations: [ModuleFormat, ClientName][] = [
  ...clientNames.map((client): [ModuleFormat, ClientName] => ['ESM', client]),
  // The packages are the same for all clients, and one client loads all of them.
  ...(process.env.CHAOS ? clientNames : (['ioredis'] as const)).map(
    (client): [ModuleFormat, ClientName] => ['CommonJS', client],
  ),
]
const runtimes = inject('runtimes')
/** Two programs at a time, in the order of the tests. */
const limited = limitTo(2)
const runs = new Map<string, Promise<ProgramResult>>()

beforeAll(() => {
  for (const { name, command } of runtimes)
    for (const [format, client] of command ? combinations : []) {
      const run = limited(() => runProgram(command!, format, client))
      run.catch(() => undefined) // It is awaited below.
      runs.set(`${name} ${format} ${client}`, run)
    }
})

describe.each(runtimes)('$name', ({ name, command }) => {
  describe.skipIf(command === undefined).each(combinations)('%s with %s', (format, client) => {
    let run: ProgramResult
    beforeAll(async () => {
      run = await runs.get(`${name} ${format} ${client}`)!
    })

    it.each(Object.keys(cases))('%s', (name) => {
      const result = run.results.get(name)
      expect(result, `It did not run. ${run.stderr}`).toBeDefined()
      expect(result!.error).toBeUndefined()
    })

    it('ends by itself once everything is closed, and warns of nothing', () => {
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(run.results.has('end')).toBe(true)
    })
  })
})
