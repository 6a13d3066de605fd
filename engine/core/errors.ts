import { redact } from "./redact.ts";
import type { Millis } from "./units.ts";

/**
 * What may follow an error: `retry` passes by itself; `resync` needs the disk compared again; `person` needs someone;
 * `input` is the caller's to mend and changed nothing.
 */
export type ErrorClass = "retry" | "resync" | "person" | "input";

interface Entry {
  readonly class: ErrorClass;
  /** HTTP status where the error reaches an API caller. */
  readonly status: number;
  /** What to do, as one or two sentences to the person who reads it. */
  readonly remedy: string;
}

const entry = (errorClass: ErrorClass, status: number, remedy: string): Entry => ({
  class: errorClass,
  status,
  remedy,
});

/** Every error that Leeward raises on purpose. Codes are part of the API: never rename one. */
export const CATALOGUE = {
  // input
  InvalidRequest: entry("input", 400, "Correct the field named in the message and send the request again."),
  InvalidSetting: entry("input", 500, "Correct the setting named in the message and start again."),
  NotFound: entry("input", 404, "Check the name and the path; list the parent to see what exists."),
  Unauthorized: entry("input", 401, "Send a bearer token for this API in the Authorization header."),
  Conflict: entry("input", 409, "Wait for the job named in the message, or cancel it, then try again."),
  PreconditionFailed: entry(
    "input",
    412,
    "Read the resource again, look whether the change is still wanted, and send it with the new ETag.",
  ),
  StateNotAllowed: entry("input", 409, "See allowedOperations of the item for what it can do now."),
  // journal
  SegmentDamaged: entry(
    "resync",
    500,
    "The bytes of this segment are not what was written. Points before it stay good; run a resync to continue.",
  ),
  SegmentVersionUnknown: entry(
    "person",
    500,
    "This segment was written by a newer Leeward. Upgrade this one.",
  ),
  SegmentMissing: entry(
    "resync",
    500,
    "A segment is gone. Points before it stay good; run a resync to continue.",
  ),
  SegmentAwaited: entry(
    "retry",
    503,
    "The cache lost or spoiled a segment. The agent sends it again from its spool; where it no longer has it, a new generation begins by itself.",
  ),
  ChainBroken: entry(
    "resync",
    500,
    "Two segments do not follow each other. Run a resync to start a new generation.",
  ),
  KeyWrong: entry("person", 500, "This key does not open the journal. Give the key of this machine."),
  ManifestDamaged: entry(
    "person",
    500,
    "This recovery point's manifest cannot be trusted. Use another point.",
  ),
  MembersLost: entry(
    "person",
    500,
    "The list of who is failed over is lost, and the group's point as well. Look at each member's own job and state; fail over those that have not begun one by one, or the group again to another point.",
  ),
  ManifestVersionUnknown: entry(
    "person",
    500,
    "This recovery point was written by a newer Leeward. Upgrade this one.",
  ),
  BaseMissing: entry(
    "resync",
    500,
    "The document that says on which older point this generation stands is gone. Use a point of another generation, and run a resync.",
  ),
  PointBad: entry(
    "resync",
    409,
    "This point is not what the source had. Fail over to a verified point; a resync, which begins by itself, makes new good ones.",
  ),
  ReplicaDiffers: entry(
    "retry",
    500,
    "The replica is not what the source had. It is rebuilt from the journal by itself; until then failovers build from the journal.",
  ),
  LayerDamaged: entry(
    "resync",
    500,
    "The bytes of this layer are not what was written. Points before it stay good; run a resync to continue.",
  ),
  LayerVersionUnknown: entry("person", 500, "This layer was written by a newer Leeward. Upgrade this one."),
  ImageLost: entry(
    "resync",
    500,
    "What the last snapshot of the disks held is not known any more. A new generation is begun by comparison, by itself; points before it stay good.",
  ),
  // storage
  StorageUnavailable: entry("retry", 503, "The storage did not answer. It is tried again by itself."),
  StorageFull: entry(
    "retry",
    507,
    "The storage account holds as much as it may. Free space in it, or have its limit raised; it is tried again by itself.",
  ),
  StorageDenied: entry("person", 403, "Grant the role that the message names on the storage account."),
  StorageRefused: entry(
    "person",
    502,
    "The storage refused this request. Its own code in the message says why.",
  ),
  StorageLied: entry(
    "retry",
    500,
    "An object was damaged or gone, and was made again from what is kept elsewhere; nothing is to be done for it. See who else may write to the storage account, and whether soft delete and versioning are on: the next object may be one that there is only once.",
  ),
  TelemetryRefused: entry(
    "retry",
    502,
    "The OpenTelemetry collector did not take the metrics. The next minute's are sent by themselves.",
  ),
  ObjectExists: entry("input", 409, "An object of this name exists and is never overwritten."),
  ObjectChanged: entry("retry", 412, "Someone else changed it at the same time. It is read and tried again."),
  FenceLost: entry("person", 409, "A newer process took over. This one stops; nothing is to be done."),
  // agent
  AgentFenced: entry("person", 409, "This machine was failed over. Re-protect it to replicate again."),
  DiskUnreadable: entry(
    "person",
    500,
    "The disk or its file cannot be read or written. Check it on the machine.",
  ),
  DiskDiffers: entry(
    "person",
    500,
    "This disk is not what the source had at the recovery point. Do not use it; restore it again, or take another point.",
  ),
  SpoolDamaged: entry(
    "resync",
    500,
    "The spool cannot be continued. A new generation is begun by comparison.",
  ),
  FreezeFailed: entry(
    "person",
    500,
    "The applications were not frozen, so no application-consistent point was made. See the command named in the message; it is tried again at the next interval.",
  ),
  GroupMissed: entry(
    "retry",
    500,
    "This machine did not set its group's barrier in time, so the group has no point of that instant. The next one is tried by itself; see the message when it happens again and again.",
  ),
  ThawFailed: entry(
    "person",
    500,
    "The applications may still be frozen. Run the post command on the machine at once; the agent goes on trying too.",
  ),
  ControlPlaneUnavailable: entry(
    "retry",
    503,
    "The agent does not get through to the control plane. It tries again by itself, and the guest goes on.",
  ),
  SpoolFull: entry(
    "retry",
    503,
    "The cache account took too little for too long, and the journal ended. Mend what the message says of it (room, access, throughput): a new generation begins by itself then.",
  ),
  CacheBehind: entry(
    "retry",
    503,
    "The cache account takes less than the machine writes. The message says what is done about it; it ends by itself. Give the cache account more throughput, or the agent a larger spool.",
  ),
  // ARM
  ArmFailed: entry("person", 502, "Azure refused or failed this call. Its own code and message say why."),
  ForeignResource: entry(
    "person",
    409,
    "A resource of this name exists and is not Leeward's; it was not touched. Choose another name, or remove it.",
  ),
  TargetUnfit: entry(
    "person",
    409,
    "Fail over again with a size that the message names (properties.leeward.size): what was built so far is kept. Otherwise have the quota raised, or make room, and try again.",
  ),
  ArmUnavailable: entry(
    "retry",
    503,
    "Azure Resource Manager did not answer or throttled. It is tried again.",
  ),
  // recovery
  NoRecoveryPoint: entry("input", 409, "Wait for the first recovery point, or name one that is listed."),
  MembersFailed: entry(
    "person",
    500,
    "Look at the jobs of the machines themselves. Once that is mended run the plan again: what was done is not done anew.",
  ),
  ActionFailed: entry(
    "person",
    502,
    "The address that the message names is to answer with success. Mend it, or take the action out of the plan, and run the plan again.",
  ),
  MomentUnreachable: entry(
    "input",
    409,
    "Choose a recovery point, or an instant or a write inside what the message names as reachable.",
  ),
  NoStatePasses: entry(
    "input",
    409,
    "Look at what the probe says of a state that is known to be good, or look for one in older copies.",
  ),
  DrillFailed: entry(
    "person",
    500,
    "Mend what the message names, as a failover would most likely fail of it too, and run a drill again: it is over with the next one that succeeds.",
  ),
  SourceUnsuitable: entry("person", 400, "Change the source machine as the message says, then enable again."),
  AgentNotInstalled: entry(
    "person",
    500,
    "The script that installs the agent failed on the machine; the message ends with what it said. Mend that and enable again.",
  ),
  AgentSilent: entry("person", 500, "Check the agent on the source machine and its way to this API."),
  PointLate: entry("retry", 500, "See the other health errors: the agent or replication is behind."),
  TimedOut: entry("person", 500, "Look at the health errors of the item; the operation may be tried again."),
  IssuerUnavailable: entry("retry", 503, "The token issuer did not answer. Send the request again."),
  PeerUnreachable: entry(
    "retry",
    503,
    "The app of the other region (LEEWARD_PEER_URL) did not answer. What it is to do is asked of it again by itself; see whether its region is there.",
  ),
  PeerRefused: entry(
    "person",
    502,
    "The app of the other region did not take the call. Give this app's identity the role Leeward.Peer there, and see that both have one version and one audience.",
  ),
  Forbidden: entry("input", 403, "Ask an administrator for the app role that the message names."),
  Unexpected: entry("retry", 500, "An error that Leeward does not know. Report it with the log if it stays."),
  // box
  HostUnsupported: entry(
    "person",
    501,
    "The local Functions host does not emulate this; local/functions-host/README.md says what it does.",
  ),
} satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof CATALOGUE;

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(CATALOGUE, code);

/**
 * The one error type: what failed and where (message), what to do (remedy), who acts (class). Secrets in the message are
 * taken out here, so that whoever prints or stores an error need not think of it.
 */
export class LeewardError extends Error {
  readonly code: ErrorCode;
  /** How long the other side asked to be left alone, if it did. */
  readonly retryAfter: Millis | undefined;
  constructor(code: ErrorCode, message: string, cause?: unknown, retryAfter?: Millis) {
    super(redact(message), cause === undefined ? undefined : { cause });
    this.name = "LeewardError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
  get class(): ErrorClass {
    return CATALOGUE[this.code].class;
  }
  get status(): number {
    return CATALOGUE[this.code].status;
  }
  get remedy(): string {
    return CATALOGUE[this.code].remedy;
  }
}

export const hasCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof LeewardError && error.code === code;

/** The message of anything thrown, without secrets. */
export const messageOf = (error: unknown): string =>
  redact(error instanceof Error ? error.message : String(error));
