import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { measureMemory } from './measure-memory.js'
import { measureNearMemory } from './measure-near-memory.js'

const page = readFileSync(new URL('memory.md', import.meta.url), 'utf8')
const table = page.slice(page.indexOf('| item '), page.indexOf('Formulas for a server'))
const rows = [...table.matchAll(/^\| ([a-zA-Z ,]+?) +\| (\d+) +\|/gm)]
const documented = new Map(rows.map(([, name, bytes]) => [name!, Number(bytes)]))

/** Versions of Redis and of the allocator differ by less than this. */
function expectAbout(measured: number, expected: number, name: string): void {
  expect(measured, name).toBeGreaterThan(expected * 0.7)
  expect(measured, name).toBeLessThan(expected * 1.3)
}

describe('the sizes in memory.md', () => {
  it('are those of a new measurement', async () => {
    const measured = await measureMemory()
    expect([...documented.keys()].sort()).toEqual([...measured.keys()].sort())
    for (const [name, bytes] of measured) expectAbout(bytes, documented.get(name)!, name)
  })

  it('grow with the value as the formulas say', async () => {
    expect(page).toContain('| 65 + key + value ')
    expect(page).toContain('| 270 + 3.2 × value:')
    const measured = await measureMemory(2_000)
    expectAbout(measured.get('entry')!, 65 + 'shop:product:100000'.length + 2_000, 'entry')
    expectAbout(measured.get('waiting write')!, 270 + 3.2 * 2_000, 'waiting write')
  })

  it('of near caches are those of a new measurement', async () => {
    const [, counted, heap] = page
      .replaceAll(/\s+/g, ' ')
      .match(/counts about (\d+) bytes, and the heap grows by about (\d+)/)!
    const measured = await measureNearMemory()
    expectAbout(measured.counted, Number(counted), 'counted')
    expectAbout(measured.heap, Number(heap), 'heap')
  })
})
