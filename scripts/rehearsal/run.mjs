import { runCommand } from '../run-command.mjs'

/** Runs a command and returns its output. Throws with the output if it fails or takes too long. */
export async function run(cwd, seconds, command, env = process.env) {
  const { ok, output } = await runCommand(command, seconds, { cwd, env })
  if (!ok) throw new Error(`${command.join(' ')}\n${output}`)
  return output
}
