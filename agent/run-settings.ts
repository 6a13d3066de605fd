import type { CapturePolicy } from "../engine/contract/agent-api.ts";
import type { Clock } from "../engine/core/clock.ts";
import type { Bytes } from "../engine/core/units.ts";
import type { ControlClock } from "./control-clock.ts";
import type { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import type { Freezer } from "./freeze/freezer.ts";
import type { HashBlocks } from "./hash-blocks.ts";
import type { WriteIntent } from "./intent.ts";
import type { Pace } from "./pace.ts";
import type { DraftSegment } from "./seal.ts";
import type { Throttle } from "./throttle.ts";

/** What a run is given, whichever generation it is of. */
export interface RunSettings {
  readonly files: Files;
  readonly disks: readonly Disk[];
  readonly spoolDirectory: string;
  readonly spoolLimit: Bytes;
  readonly policy: CapturePolicy;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly draftSegment: DraftSegment;
  readonly hashBlocks: HashBlocks;
  /** How much of the machine a comparison takes. */
  readonly throttle: Throttle;
  readonly controlClock: ControlClock;
  readonly freezer: Freezer;
  /** Is told of barriers. */
  readonly intent: Pick<WriteIntent, "barrier">;
}
