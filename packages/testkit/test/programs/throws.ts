import { childProcess } from '../../src/index.js'

const child = childProcess()
await child.say('about to fail')
throw new Error('the till is empty')
