import { randomBytes } from 'node:crypto'
import type { Machine } from '../machine/machine.js'

export interface Member {
  readonly id: string
  readonly port: number
  readonly primary: string | undefined
  /** A range such as `0-5460`; empty for a replica. */
  readonly slots: string
  /** The configuration epoch. It differs between primaries; a replica has that of its primary. */
  readonly epoch: number
}

/** Plans primaries that share the slots evenly. Each is followed by its replicas. */
export async function planMembers(
  machine: Machine,
  primaries: number,
  replicasPerPrimary: number,
): Promise<readonly Member[]> {
  const members: Member[] = []
  for (let index = 0; index < primaries; index++) {
    const slots = `${firstSlot(index, primaries)}-${firstSlot(index + 1, primaries) - 1}`
    const primary = {
      id: nodeId(),
      port: await machine.freePort(),
      primary: undefined,
      slots,
      epoch: index + 1,
    }
    members.push(primary)
    for (let replica = 0; replica < replicasPerPrimary; replica++) {
      members.push({
        id: nodeId(),
        port: await machine.freePort(),
        primary: primary.id,
        slots: '',
        epoch: primary.epoch,
      })
    }
  }
  return members
}

function firstSlot(index: number, primaries: number): number {
  return Math.ceil((index * 16_384) / primaries)
}

function nodeId(): string {
  return randomBytes(20).toString('hex')
}

/**
 * Returns the text of the file in which a node stores its view of the Cluster. Because the file
 * exists before the start, the nodes need no MEET, no handshakes and no gossip. The format is the
 * reply of https://redis.io/docs/latest/commands/cluster-nodes/ and a line of variables.
 */
export function nodesFile(plan: readonly Member[], myself: Member): string {
  const lines = plan.map(({ id, port, primary, slots, epoch }) => {
    const role = primary === undefined ? 'master' : 'slave'
    const flags = id === myself.id ? `myself,${role}` : role
    const address = `127.0.0.1:${port}@${port + 10_000}`
    return `${id} ${address} ${flags} ${primary ?? '-'} 0 0 ${epoch} connected ${slots}`.trimEnd()
  })
  return [...lines, `vars currentEpoch ${plan.length} lastVoteEpoch 0`, ''].join('\n')
}
