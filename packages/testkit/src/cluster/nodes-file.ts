import { randomBytes } from 'node:crypto'
import type { Machine } from '../machine/machine.js'

export interface Member {
  readonly id: string
  readonly port: number
  readonly primary: string | undefined
  /** `0-5460`; empty for a replica. */
  readonly slots: string
  /** Differs between primaries; a replica has its primary's. */
  readonly epoch: number
}

/** Primaries that share the slots evenly, each followed by its replicas. */
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
 * What a node keeps of its Cluster over a restart. Written beforehand, it spares the introductions:
 * no MEET, no handshakes, no gossip to wait for. The format is the reply of
 * https://redis.io/docs/latest/commands/cluster-nodes/ and a line of variables.
 */
export function nodesFile(plan: readonly Member[], myself: Member): string {
  const lines = plan.map(({ id, port, primary, slots, epoch }) => {
    const flags = `${id === myself.id ? 'myself,' : ''}${primary === undefined ? 'master' : 'slave'}`
    return `${id} 127.0.0.1:${port}@${port + 10_000} ${flags} ${primary ?? '-'} 0 0 ${epoch} connected ${slots}`.trimEnd()
  })
  return [...lines, `vars currentEpoch ${plan.length} lastVoteEpoch 0`, ''].join('\n')
}
