import type { Clock } from "../../engine/core/clock.ts";
import type { BoxConfig } from "./box-config.ts";
import type { Reply } from "./call.ts";
import type { Faults } from "./box/fault.ts";
import type { BlobAt } from "./compute/box-blob.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Operations } from "./operations.ts";
import type { Exchange } from "./published/exchange.ts";
import type { State } from "./state.ts";
import type { Throttle } from "./throttle.ts";
import type { Issuer } from "./tokens/issuer.ts";
import type { BootDiagnostics } from "./compute/boot-diagnostics.ts";
import type { DiskSas } from "./compute/disk-sas.ts";

/** What every part of the simulator works with. */
export interface Box {
  readonly config: BoxConfig;
  readonly clock: Clock;
  readonly state: State;
  readonly hypervisor: Hypervisor;
  readonly issuer: Issuer;
  readonly operations: Operations;
  readonly faults: Faults;
  readonly throttle: Throttle;
  readonly diskSas: DiskSas;
  readonly bootDiagnostics: BootDiagnostics;
  /** https origin of ARM and of the disk-SAS endpoint. */
  readonly url: string;
  /** Sees every ARM call and its answer. */
  readonly observe?: ((exchange: Exchange) => void) | undefined;
  /** What a GET of the resource answers now, or an empty 204 when it is gone. */
  answerFor(resource: string, apiVersion: string): Promise<Reply>;
  /** http URL that VMs and apps know as IDENTITY_ENDPOINT. */
  readonly identityEndpoint: string;
  /** The page blobs that disks are imported from. */
  readonly blobAt: BlobAt;
}
