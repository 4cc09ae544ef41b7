import { Deadlines } from '@cache/core/internal'

/**
 * Of all that wait and of all that is held: a timer for each would cost more than the rest of an
 * uncontended lock.
 */
export const deadlines = new Deadlines()
