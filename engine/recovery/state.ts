/** What happens to an item; each is legal in the states that `TRANSITIONS` names. */
export type ItemEvent =
  | "enable"
  | "enableFailed"
  | "copying"
  | "protected"
  | "shutDown"
  | "failover"
  | "fence"
  | "changePoint"
  | "failoverFailed"
  | "failedOver"
  | "cancel"
  | "cancelFailed"
  | "cancelled"
  | "commit"
  | "commitFailed"
  | "committed"
  | "reverse"
  | "takeOver"
  | "reverseFailed"
  | "disable"
  | "disableFailed";

export const ITEM_STATES = [
  "Enabling",
  "EnableFailed",
  "InitialReplication",
  "Protected",
  "ShuttingDown",
  "FailingOver",
  "FailoverFailed",
  "UnplannedFailoverCommitPending",
  "Cancelling",
  "CancelFailed",
  "Committing",
  "CommitFailed",
  "UnplannedFailoverCommitted",
  "Reversed",
  "Reversing",
  "ReversalFailed",
  "Disabling",
  "DisableFailed",
] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** ASR's words for what a user may ask of an item. */
type AllowedOperation =
  | "PlannedFailover"
  | "UnplannedFailover"
  | "CancelFailover"
  | "ChangePit"
  | "Commit"
  | "SwitchProtection"
  | "ReverseReplicate"
  | "RepairReplication"
  | "DisableProtection"
  | "TestFailover"
  | "TestFailoverCleanup";

interface StateRow {
  readonly allowed: readonly AllowedOperation[];
  /** A job is at work; another one has to wait. */
  readonly busy: boolean;
  /** The agent's journal is taken in and shipped. */
  readonly replicating: boolean;
  /** It was failed over: it runs where it was built. */
  readonly over: boolean;
  readonly next: Partial<Record<ItemEvent, ItemState>>;
}

/** The whole life of an item. Every event may come twice: one that leads to where the item is changes nothing. */
export const STATES: Record<ItemState, StateRow> = {
  Enabling: {
    allowed: [],
    busy: true,
    replicating: true,
    over: false,
    next: { enable: "Enabling", copying: "InitialReplication", enableFailed: "EnableFailed" },
  },
  EnableFailed: {
    allowed: ["DisableProtection"],
    busy: false,
    replicating: false,
    over: false,
    next: { enable: "Enabling", enableFailed: "EnableFailed", disable: "Disabling" },
  },
  // A first copy may take days: it can be given up, although its job is at work.
  InitialReplication: {
    allowed: ["DisableProtection"],
    busy: true,
    replicating: true,
    over: false,
    next: {
      copying: "InitialReplication",
      protected: "Protected",
      enableFailed: "EnableFailed",
      reverseFailed: "ReversalFailed",
      disable: "Disabling",
    },
  },
  Protected: {
    allowed: [
      "PlannedFailover",
      "UnplannedFailover",
      "RepairReplication",
      "DisableProtection",
      "TestFailover",
    ],
    busy: false,
    replicating: true,
    over: false,
    next: {
      protected: "Protected",
      cancelled: "Protected",
      shutDown: "ShuttingDown",
      failoverFailed: "Protected",
      failover: "FailingOver",
      disable: "Disabling",
    },
  },
  // Its source is switched off, and the rest of its journal is carried over, before it is fenced.
  ShuttingDown: {
    allowed: [],
    busy: true,
    replicating: true,
    over: false,
    next: { shutDown: "ShuttingDown", fence: "FailingOver", failoverFailed: "Protected" },
  },
  FailingOver: {
    allowed: [],
    busy: true,
    replicating: false,
    over: false,
    next: {
      failover: "FailingOver",
      changePoint: "FailingOver",
      fence: "FailingOver",
      failedOver: "UnplannedFailoverCommitPending",
      failoverFailed: "FailoverFailed",
    },
  },
  FailoverFailed: {
    allowed: ["UnplannedFailover", "CancelFailover", "DisableProtection"],
    busy: false,
    replicating: false,
    over: false,
    next: {
      failover: "FailingOver",
      failoverFailed: "FailoverFailed",
      cancel: "Cancelling",
      disable: "Disabling",
    },
  },
  UnplannedFailoverCommitPending: {
    allowed: ["Commit", "ChangePit", "CancelFailover", "DisableProtection"],
    busy: false,
    replicating: false,
    over: true,
    next: {
      failedOver: "UnplannedFailoverCommitPending",
      changePoint: "FailingOver",
      commit: "Committing",
      reverse: "Reversed",
      cancel: "Cancelling",
      disable: "Disabling",
    },
  },
  // What was built is being deleted, and the source is protected again behind that.
  Cancelling: {
    allowed: [],
    busy: true,
    replicating: false,
    over: false,
    next: { cancel: "Cancelling", cancelFailed: "CancelFailed", cancelled: "Protected" },
  },
  // The source may be gone, so it can be failed over again as well.
  CancelFailed: {
    allowed: ["CancelFailover", "UnplannedFailover", "DisableProtection"],
    busy: false,
    replicating: false,
    over: false,
    next: {
      cancelFailed: "CancelFailed",
      cancel: "Cancelling",
      failover: "FailingOver",
      disable: "Disabling",
    },
  },
  // What only a cancelling or another point would need is being deleted.
  Committing: {
    allowed: [],
    busy: true,
    replicating: false,
    over: true,
    next: {
      commit: "Committing",
      commitFailed: "CommitFailed",
      committed: "UnplannedFailoverCommitted",
    },
  },
  // Some of it is gone: there is no way back.
  CommitFailed: {
    allowed: ["Commit", "DisableProtection"],
    busy: false,
    replicating: false,
    over: true,
    next: { commitFailed: "CommitFailed", commit: "Committing", disable: "Disabling" },
  },
  UnplannedFailoverCommitted: {
    allowed: ["SwitchProtection", "ReverseReplicate", "DisableProtection"],
    busy: false,
    replicating: false,
    over: true,
    next: { committed: "UnplannedFailoverCommitted", reverse: "Reversed", disable: "Disabling" },
  },
  // It was failed over, and is protected in the other direction: its record there says how.
  Reversed: {
    allowed: ["SwitchProtection", "ReverseReplicate", "DisableProtection"],
    busy: false,
    replicating: false,
    over: true,
    next: { reverse: "Reversed", takeOver: "Reversing", disable: "Disabling" },
  },
  // Taken over from the other direction: the old disks become the base of what is to come.
  Reversing: {
    allowed: [],
    busy: true,
    replicating: false,
    over: false,
    next: { takeOver: "Reversing", copying: "InitialReplication", reverseFailed: "ReversalFailed" },
  },
  // The other side has given it away for good: here is where it goes on.
  ReversalFailed: {
    allowed: ["SwitchProtection", "ReverseReplicate", "DisableProtection"],
    busy: false,
    replicating: false,
    over: false,
    next: {
      reverseFailed: "ReversalFailed",
      takeOver: "Reversing",
      copying: "InitialReplication",
      disable: "Disabling",
    },
  },
  // Its record goes with the rest: nothing follows but that it could not be done.
  Disabling: {
    allowed: [],
    busy: true,
    replicating: false,
    over: false,
    next: { disable: "Disabling", disableFailed: "DisableFailed" },
  },
  DisableFailed: {
    allowed: ["DisableProtection"],
    busy: false,
    replicating: false,
    over: false,
    next: { disable: "Disabling", disableFailed: "DisableFailed" },
  },
};

/** Its protection is being taken away, or was half: nothing new is done for it. */
export const isLeaving = (state: ItemState): boolean => state === "Disabling" || state === "DisableFailed";

/** The state after the event; undefined when the event is not legal in this state. */
export const nextState = (state: ItemState, event: ItemEvent): ItemState | undefined =>
  STATES[state].next[event];

/** Where a machine's test failover is, beside the item's own state; there is none while the item has no test. */
export const TEST_STATES = ["making", "ready", "failed", "cleaning", "cleanupFailed"] as const;
export type TestState = (typeof TEST_STATES)[number];

interface TestRow {
  /** Testing again is trying again: what was made stays. Cleaning up is possible whatever the item does meanwhile. */
  readonly allowed: readonly ("TestFailover" | "TestFailoverCleanup")[];
  /** One of its jobs is at work. */
  readonly busy: boolean;
}

export const TESTS: Record<TestState | "none", TestRow> = {
  none: { allowed: ["TestFailover"], busy: false },
  making: { allowed: [], busy: true },
  ready: { allowed: ["TestFailoverCleanup"], busy: false },
  failed: { allowed: ["TestFailover", "TestFailoverCleanup"], busy: false },
  cleaning: { allowed: [], busy: true },
  cleanupFailed: { allowed: ["TestFailoverCleanup"], busy: false },
};

/** What a user may ask of an item that has, or has not, a test. Protection does not end before its test was cleaned up. */
export function allowedWith(state: ItemState, test: TestState | "none"): AllowedOperation[] {
  const own = STATES[state].allowed.filter((operation) => {
    if (operation === "DisableProtection") return test === "none";
    return operation !== "TestFailover" || TESTS[test].allowed.includes(operation);
  });
  return TESTS[test].allowed.includes("TestFailoverCleanup") ? [...own, "TestFailoverCleanup"] : own;
}
