import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { UnconfirmedWrites } from '../src/worker/unconfirmed-writes.js'

describe('unconfirmed writes', () => {
  let unconfirmed: UnconfirmedWrites
  let answers: string[]
  beforeEach(() => {
    unconfirmed = new UnconfirmedWrites(10)
    answers = []
  })

  const ask = (name: string, count: number, signal = new AbortController().signal): void =>
    void unconfirmed.add(count, signal).then((admitted) => answers.push(`${name} ${admitted}`))
  const newAnswers = async (): Promise<string[]> => {
    await nextTurn()
    return answers.splice(0)
  }

  it('are admitted in the order in which partitions ask, however many they are', async () => {
    ask('a', 6)
    ask('b', 8)
    ask('c', 1)
    expect(await newAnswers()).toEqual(['a true'])
    unconfirmed.remove(6)
    expect(await newAnswers()).toEqual(['b true', 'c true'])
    ask('d', 10)
    ask('e', 1)
    unconfirmed.remove(8)
    expect(await newAnswers()).toEqual([])
    unconfirmed.remove(1)
    expect(await newAnswers()).toEqual(['d true'])
  })

  it('of a partition that stops hold up no others', async () => {
    const stopping = new AbortController()
    ask('a', 6)
    ask('b', 8, stopping.signal)
    ask('c', 4)
    ask('d', 5, stopping.signal)
    expect(await newAnswers()).toEqual(['a true'])
    stopping.abort()
    expect((await newAnswers()).sort()).toEqual(['b false', 'c true', 'd false'])
    ask('e', 1, stopping.signal)
    expect(await newAnswers()).toEqual(['e false'])
    unconfirmed.remove(10)
    ask('f', 10)
    expect(await newAnswers()).toEqual(['f true'])
  })
})
