import type { ItemState } from "../engine/recovery/state.ts";

/** ASR's words for where an item is, as its clients know them. */
export function stateWords(state: ItemState): { readonly state: string; readonly description: string } {
  const [word, description] = WORDS[state];
  return { state: word, description };
}

const WORDS: Record<ItemState, readonly [state: string, description: string]> = {
  Enabling: ["EnablingProtection", "Enabling protection"],
  EnableFailed: ["EnablingFailed", "Enabling protection failed"],
  InitialReplication: ["InitialReplicationInProgress", "Initial replication is in progress"],
  Protected: ["Protected", "Protected"],
  ShuttingDown: [
    "PlannedFailoverInProgress",
    "The source is shut down, and its last writes are carried over",
  ],
  FailingOver: ["UnplannedFailoverInProgress", "Failing over"],
  FailoverFailed: ["UnplannedFailoverFailed", "The failover failed and may be tried again"],
  Cancelling: ["CancelFailoverInProgress", "What the failover built is being deleted"],
  CancelFailed: ["CancelFailoverFailed", "Cancelling the failover failed and may be tried again"],
  Committing: ["CommitFailoverInProgress", "The failover is being committed"],
  CommitFailed: ["CommitFailoverFailed", "Committing the failover failed and may be tried again"],
  UnplannedFailoverCommitted: ["UnplannedFailoverCommitted", "Failed over and committed"],
  UnplannedFailoverCommitPending: [
    "UnplannedFailoverCommitPendingStatesBegin",
    "Failed over; commit is pending",
  ],
  Reversed: ["UnplannedFailoverCommitted", "Failed over, and protected in the other direction"],
  Reversing: ["Reprotecting", "The old disks become the base of the other direction"],
  ReversalFailed: [
    "ReprotectingFailed",
    "Protecting it in the other direction failed and may be tried again",
  ],
  Disabling: ["DisablingProtection", "Protection is being taken away"],
  DisableFailed: ["DisablingFailed", "Taking protection away failed and may be tried again"],
};
