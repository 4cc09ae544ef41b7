import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A binary in a package of the npm registry. */
export interface BinaryPackage {
  readonly name: string
  /** The path of the binary in the package. */
  readonly binary: string
  readonly integrity: string
}

/** The folder of the binaries. It is shared by all runs, and can be deleted at any time. */
const folder = fileURLToPath(new URL('../../../.tools/runtimes/', import.meta.url))

/**
 * Returns the path of a binary. It is downloaded once: npm fetches the package, and its tarball
 * must have the given hash. No script of the package is executed.
 *
 * @throws {Error} if it cannot be had, or does not run on this machine.
 */
export async function install(
  { name, binary, integrity }: BinaryPackage,
  version: string,
): Promise<string> {
  const path = join(folder, `${name.replace('/', '-')}-${version}`, binary)
  if (await works(path)) return path
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, 'download-'))
  try {
    await download(`${name}@${version}`, scratch)
    const tarball = join(scratch, (await readdir(scratch))[0] ?? 'nothing')
    const hash = createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64')
    if (integrity !== `sha512-${hash}`)
      throw new Error(`${name}@${version} has the hash sha512-${hash}, and not ${integrity}.`)
    await run('tar', ['-xzf', tarball, '-C', scratch, `package/${binary}`])
    const unpacked = join(scratch, 'package', binary)
    await chmod(unpacked, 0o755)
    await run(unpacked, ['--version'])
    await mkdir(dirname(path), { recursive: true })
    await rename(unpacked, path)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return path
}

/** Stores the tarball of a package in a folder. */
async function download(spec: string, destination: string): Promise<void> {
  const args = ['pack', '--silent', '--pack-destination', destination, '--fetch-retries=1', spec]
  try {
    await run('npm', args, { cwd: destination, timeout: 180_000 })
  } catch (cause) {
    throw new Error(`npm could not fetch ${spec}`, { cause })
  }
}

async function works(path: string): Promise<boolean> {
  return run(path, ['--version']).then(
    () => true,
    () => false,
  )
}
