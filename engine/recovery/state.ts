/** What happens to an item; each is legal in the states that `TRANSITIONS` names. */
export type ItemEvent =
  | "enable"
  | "enableFailed"
  | "copying"
  | "protected"
  | "failover"
  | "failoverFailed"
  | "failedOver";

export const ITEM_STATES = [
  "Enabling",
  "EnableFailed",
  "InitialReplication",
  "Protected",
  "FailingOver",
  "FailoverFailed",
  "UnplannedFailoverCommitPending",
] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** ASR's words for what a user may ask of an item. */
type AllowedOperation = "UnplannedFailover" | "RepairReplication";

interface StateRow {
  readonly allowed: readonly AllowedOperation[];
  /** A job is at work; another one has to wait. */
  readonly busy: boolean;
  /** The agent's journal is taken in and shipped. */
  readonly replicating: boolean;
  readonly next: Partial<Record<ItemEvent, ItemState>>;
}

/** The whole life of an item. Every event may come twice: one that leads to where the item is changes nothing. */
export const STATES: Record<ItemState, StateRow> = {
  Enabling: {
    allowed: [],
    busy: true,
    replicating: true,
    next: { enable: "Enabling", copying: "InitialReplication", enableFailed: "EnableFailed" },
  },
  EnableFailed: {
    allowed: [],
    busy: false,
    replicating: false,
    next: { enable: "Enabling", enableFailed: "EnableFailed" },
  },
  InitialReplication: {
    allowed: [],
    busy: true,
    replicating: true,
    next: { copying: "InitialReplication", protected: "Protected", enableFailed: "EnableFailed" },
  },
  Protected: {
    allowed: ["UnplannedFailover", "RepairReplication"],
    busy: false,
    replicating: true,
    next: { protected: "Protected", failover: "FailingOver" },
  },
  FailingOver: {
    allowed: [],
    busy: true,
    replicating: false,
    next: {
      failover: "FailingOver",
      failedOver: "UnplannedFailoverCommitPending",
      failoverFailed: "FailoverFailed",
    },
  },
  FailoverFailed: {
    allowed: ["UnplannedFailover"],
    busy: false,
    replicating: false,
    next: { failover: "FailingOver", failoverFailed: "FailoverFailed" },
  },
  UnplannedFailoverCommitPending: {
    allowed: [],
    busy: false,
    replicating: false,
    next: { failedOver: "UnplannedFailoverCommitPending" },
  },
};

/** The state after the event; undefined when the event is not legal in this state. */
export const nextState = (state: ItemState, event: ItemEvent): ItemState | undefined =>
  STATES[state].next[event];
