import { Deadlines } from '@cache/core/internal'

/**
 * The deadlines of all waits and all held locks. One timer serves them all: a timer for each would
 * cost more than the rest of an uncontended lock.
 */
export const deadlines = new Deadlines()
