import type { Command, CommandResult, NodeHandle } from '@cache/core'

/**
 * Ends the connections with a name on the servers. GLIDE keeps a closed connection open until its
 * last command is answered, so a command that blocks would still take an item that nobody gets.
 * Never rejects.
 */
export async function endBlocked(
  nodes: readonly NodeHandle[],
  clientName: string,
  timeout: number,
): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      const send = (...args: Command['args']): Promise<CommandResult> =>
        node.send([{ args, keys: [] }], { timeout })[0]!
      const list = String(await send('CLIENT', 'LIST', 'TYPE', 'normal'))
      for (const line of list.split('\n'))
        if (line.includes(` name=${clientName} `))
          await send('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(line)?.[1] ?? '0')
    }),
  )
}
