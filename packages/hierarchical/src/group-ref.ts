import type { KeyPart } from '@cache/core'
import type { ReadOutage } from '@cache/core/internal'

/** A group, and the group that holds it. */
export interface GroupRef {
  readonly id: KeyPart
  readonly parent: GroupRef | undefined
  /** The outage state of the call that reads the group. */
  readonly outage?: ReadOutage | undefined
  /** Whether a load asks the source, even if the group that holds this one is cached. */
  readonly fromSource?: true
}
