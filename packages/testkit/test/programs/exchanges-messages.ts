import { childProcess } from '../../src/index.js'

interface Task {
  readonly type: 'add'
  readonly numbers: readonly number[]
}

const child = childProcess<{ readonly greeting: string }>()
await child.say({
  type: 'hello',
  from: child.index,
  of: child.count,
  greeting: child.data.greeting,
  env: process.env.FLAVOUR,
})
await child.say('ready')
const { numbers } = await child.next<Task>('add')
await child.say({
  type: 'sum',
  sum: numbers.reduce((sum, number) => sum + number, 0),
  at: new Map([[child.index, 1n]]),
})
