import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../free-port.js'
import { launchGuarded } from './guard.js'
import { CONFIG_FILE, withEnvironment, type Machine } from './machine.js'
import { runDirectory } from './run-directory.js'

/** Returns this machine, with a `redis-server` or `valkey-server` binary. */
export function localMachine(binary: string): Machine {
  return {
    bind: '127.0.0.1',
    freePort,
    makeDirectory: () => mkdtemp(join(runDirectory(), 'redis-')),
    removeDirectory: (directory) => rm(directory, { recursive: true, force: true }),
    writeFile: (path, text) => writeFile(path, text),
    launch: (directory, flags, environment) =>
      launchGuarded([
        ...withEnvironment(environment),
        binary,
        join(directory, CONFIG_FILE),
        ...flags,
      ]),
  }
}
