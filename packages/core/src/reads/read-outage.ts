/**
 * Whether Redis left a read of this call without an answer. The reads that follow from it go to the
 * source at once, so that a call through several caches waits for a silent Redis once.
 */
export class ReadOutage {
  down = false
}
