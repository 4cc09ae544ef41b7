import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { childProcess, findRedis } from '../../src/index.js'

const child = childProcess<NodeJS.ProcessEnv>()
const source = await findRedis({ env: child.data, docker: false })
await child.say({
  type: 'found',
  source,
  log: await readFile(join(child.data.HOME ?? '', 'log'), 'utf8'),
})
