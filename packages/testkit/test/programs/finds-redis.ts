import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { childProcess } from '../../src/index.js'
import { findOrInstallRedis } from '../../src/install/find-or-install-redis.js'

const child = childProcess<NodeJS.ProcessEnv>()
const source = await findOrInstallRedis({ env: child.data, docker: false })
await child.say({
  type: 'found',
  source,
  log: await readFile(join(child.data.HOME ?? '', 'log'), 'utf8'),
})
