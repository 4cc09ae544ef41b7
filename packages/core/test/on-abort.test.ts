import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { onAbort } from '../src/internal.js'

describe('onAbort', () => {
  it('calls each listener once, with the reason; those that come late at once', () => {
    const controller = new AbortController()
    const heard: string[] = []
    onAbort(controller.signal, (reason) => heard.push(`one ${String(reason)}`))
    onAbort(controller.signal, (reason) => heard.push(`two ${String(reason)}`))
    controller.abort('why')
    controller.abort('again')
    onAbort(controller.signal, (reason) => heard.push(`late ${String(reason)}`))
    expect(heard).toEqual(['one why', 'two why', 'late why'])
  })

  it('calls nobody who has stopped listening, also not one of two who listen with the same function', () => {
    const controller = new AbortController()
    let calls = 0
    const listener = () => void calls++
    const forget = onAbort(controller.signal, listener)
    onAbort(controller.signal, listener)
    forget()
    forget()
    controller.abort()
    expect(calls).toBe(1)
  })

  it('leaves one listener on the signal, however many listen', () => {
    const { signal } = new AbortController()
    for (let i = 0; i < 100; i++) onAbort(signal, () => undefined)
    for (let i = 0; i < 100; i++) onAbort(signal, () => undefined)()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  })

  it('leaves none once all have stopped listening, and listens again to whoever comes then', () => {
    const controller = new AbortController()
    for (const forget of [1, 2, 3].map(() => onAbort(controller.signal, () => undefined))) forget()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    let calls = 0
    onAbort(controller.signal, () => void calls++)
    controller.abort()
    expect(calls).toBe(1)
  })
})
