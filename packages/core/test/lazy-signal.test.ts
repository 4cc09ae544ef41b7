import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { LazySignal } from '../src/util/lazy-signal.js'

const why = new Error('the last caller left')

describe('LazySignal', () => {
  it('creates no AbortController before it is used, and then one', () => {
    let made = 0
    vi.stubGlobal(
      'AbortController',
      class extends AbortController {
        constructor() {
          super()
          made++
        }
      },
    )
    const lazy = new LazySignal()
    lazy.onAbort(() => undefined)
    lazy.abort(why)
    expect(lazy.aborted).toBe(true)
    expect(made).toBe(0)
    expect(lazy.signal).toBe(lazy.signal)
    expect(made).toBe(1)
    vi.unstubAllGlobals()
  })

  it('is aborted for earlier and later users', () => {
    const [before, after] = [new LazySignal(), new LazySignal()]
    const heard = vi.fn()
    before.signal.addEventListener('abort', heard)
    expect(before.signal.aborted).toBe(false)
    for (const lazy of [before, after]) {
      lazy.abort(why)
      expect(lazy.signal.aborted).toBe(true)
      expect(lazy.signal.reason).toBe(why)
      expect(lazy.reason).toBe(why)
    }
    expect(heard).toHaveBeenCalledTimes(1)
  })

  it('calls each listener once, in order; later ones immediately', () => {
    const lazy = new LazySignal()
    const heard: string[] = []
    lazy.onAbort((reason) => heard.push(`one ${String(reason)}`))
    lazy.onAbort((reason) => {
      heard.push(`two ${String(reason)}`)
      lazy.abort('again')
      lazy.onAbort((late) => heard.push(`from within ${String(late)}`))
    })
    lazy.onAbort((reason) => heard.push(`three ${String(reason)}`))
    lazy.abort('first')
    lazy.abort('second')
    lazy.onAbort((reason) => heard.push(`late ${String(reason)}`))
    expect(heard).toEqual([
      'one first',
      'two first',
      'from within first',
      'three first',
      'late first',
    ])
    expect(lazy.reason).toBe('first')
  })

  it('never differs from an AbortController, in whatever order it is used', () => {
    const step = fc.oneof(
      fc.record({ abort: fc.anything().filter((reason) => reason !== undefined) }),
      fc.constant('look' as const),
      fc.constant('listen' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const [lazy, eager] = [new LazySignal(), new AbortController()]
        const heard: [unknown[], unknown[]] = [[], []]
        for (const each of steps) {
          if (each === 'look') expect(lazy.signal.aborted).toBe(eager.signal.aborted)
          else if (each === 'listen') {
            lazy.onAbort((reason) => heard[0].push(reason))
            if (eager.signal.aborted) heard[1].push(eager.signal.reason)
            else eager.signal.addEventListener('abort', () => heard[1].push(eager.signal.reason))
          } else {
            lazy.abort(each.abort)
            eager.abort(each.abort)
          }
          expect(lazy.aborted).toBe(eager.signal.aborted)
          expect(Object.is(lazy.reason, eager.signal.reason)).toBe(true)
        }
        expect(heard[0].length).toBe(heard[1].length)
        expect(heard[0].every((reason, i) => Object.is(reason, heard[1][i]))).toBe(true)
        expect(Object.is(lazy.signal.reason, eager.signal.reason)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
