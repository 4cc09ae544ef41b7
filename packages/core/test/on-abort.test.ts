import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { onAbort } from '../src/internal.js'

describe('onAbort', () => {
  it('calls each listener once, with the reason; later ones immediately', () => {
    const controller = new AbortController()
    const heard: string[] = []
    onAbort(controller.signal, (reason) => heard.push(`one ${String(reason)}`))
    onAbort(controller.signal, (reason) => heard.push(`two ${String(reason)}`))
    controller.abort('why')
    controller.abort('again')
    onAbort(controller.signal, (reason) => heard.push(`late ${String(reason)}`))
    expect(heard).toEqual(['one why', 'two why', 'late why'])
  })

  it('does not call listeners that stopped, even if a function was registered twice', () => {
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

  it('adds one listener to the signal, however many are registered', () => {
    const { signal } = new AbortController()
    for (let i = 0; i < 100; i++) onAbort(signal, () => undefined)
    for (let i = 0; i < 100; i++) onAbort(signal, () => undefined)()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  })

  it('removes it once all have stopped, and adds it again for the next one', () => {
    const controller = new AbortController()
    for (const forget of [1, 2, 3].map(() => onAbort(controller.signal, () => undefined))) forget()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    let calls = 0
    onAbort(controller.signal, () => void calls++)
    controller.abort()
    expect(calls).toBe(1)
  })
})
