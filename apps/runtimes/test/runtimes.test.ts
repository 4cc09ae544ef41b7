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

    it('runs all cases, ends by itself once everything is closed, and warns of nothing', () => {
      const { code, signal, stderr, results } = run
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
      expect([...results.keys()]).toEqual([...Object.keys(cases), 'end'])
    })

    // A program that dies is one failure, and it is reported above.
    it.for(Object.keys(cases))('%s', (name, { skip }) => {
      const result = run.results.get(name)
      if (!result) return skip('It did not run.')
      expect(result.error).toBeUndefined()
    })
  })
})
