import runtimes from './runtimes.json' with { type: 'json' }
import { install, type BinaryPackage } from './install.js'

/** A runtime to test. Without `command`, it is not available, because of `missing`. */
export interface Runtime {
  readonly name: string
  readonly command?: readonly [file: string, ...args: string[]]
  readonly missing?: string
}

/** The runtime of the tests, and the ones of runtimes.json. */
export async function findRuntimes(): Promise<Runtime[]> {
  const current = {
    name: `Node.js ${process.versions.node}, which runs the tests`,
    command: [process.execPath] as const,
  }
  return [current, ...(await Promise.all(runtimes.map(find)))]
}

async function find({
  name,
  version,
  args,
  packages,
}: (typeof runtimes)[number]): Promise<Runtime> {
  const full = `${name} (${version})`
  const platform = `${process.platform}-${process.arch}`
  const binary = (packages as Readonly<Record<string, BinaryPackage>>)[platform]
  if (binary === undefined) return { name: full, missing: `npm has no binary for ${platform}` }
  try {
    return { name: full, command: [await install(binary, version), ...args] }
  } catch (error) {
    return { name: full, missing: (error as Error).message.split('\n', 1)[0]! }
  }
}
