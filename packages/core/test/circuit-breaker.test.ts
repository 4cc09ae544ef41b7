import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CircuitBreaker } from '../src/client/circuit-breaker.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function openCircuit(): CircuitBreaker {
  const circuit = new CircuitBreaker({ failures: 1, cooldown: 1_000 }, () => true)
  circuit.failed('normal')
  expect(circuit.state).toBe('open')
  return circuit
}

describe('a circuit breaker', () => {
  it('opens after failures in a row', () => {
    const circuit = new CircuitBreaker({ failures: 3, cooldown: 1_000 }, () => true)
    for (const result of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const)
      circuit[result]('normal')
    expect([circuit.state, circuit.permit()]).toEqual(['closed', 'normal'])
    circuit.failed('normal')
    expect([circuit.state, circuit.permit()]).toEqual(['open', undefined])
  })

  it('stays closed as long as the server shows signs of life', () => {
    let isSilent = false
    const circuit = new CircuitBreaker({ failures: 2, cooldown: 1_000 }, () => isSilent)
    for (let i = 0; i < 10; i++) circuit.failed('normal')
    expect(circuit.state).toBe('closed')
    isSilent = true
    circuit.failed('normal')
    expect(circuit.state).toBe('open')
  })

  it('permits one probe after each cooldown', () => {
    const circuit = openCircuit()
    vi.advanceTimersByTime(999)
    expect(circuit.permit()).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(circuit.state).toBe('half-open')
    expect([circuit.permit(), circuit.permit()]).toEqual(['probe', undefined])
    circuit.failed('probe')
    expect([circuit.state, circuit.permit()]).toEqual(['open', undefined])
    vi.advanceTimersByTime(1_000)
    expect(circuit.permit()).toBe('probe')
    circuit.succeeded('probe')
    expect([circuit.state, circuit.permit()]).toEqual(['closed', 'normal'])
  })

  it('waits for its probe, whatever becomes of older commands', () => {
    const circuit = openCircuit()
    circuit.succeeded('normal')
    expect(circuit.state).toBe('open')
    vi.advanceTimersByTime(1_000)
    circuit.failed('normal')
    expect(circuit.permit()).toBe('probe')
    circuit.failed('normal')
    circuit.succeeded('normal')
    expect([circuit.state, circuit.permit()]).toEqual(['half-open', undefined])
  })

  it('probes on time when the clock of the machine is set back', () => {
    const circuit = openCircuit()
    vi.setSystemTime(Date.now() - 3_600_000)
    vi.advanceTimersByTime(1_000)
    expect(circuit.permit()).toBe('probe')
  })
})
