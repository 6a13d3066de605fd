import type { Disk } from "../azure/disk.ts";
import type { Lock } from "../azure/lock.ts";
import type { NetworkInterface } from "../azure/network.ts";
import type { Sku } from "../azure/sku.ts";
import type { Usage } from "../azure/usage.ts";
import type { CaptureProvider } from "../recovery/capture-provider.ts";
import type { VirtualMachine } from "../azure/virtual-machine.ts";
import type { InstalledExtension } from "../azure/vm-extension.ts";
import type { SurveyedPlacement } from "./judge-placement.ts";

/** What a region offers to a subscription; by name in lower case. */
export interface Offer {
  readonly sizes: ReadonlyMap<string, Sku>;
  readonly disks: ReadonlyMap<string, Sku>;
}

export interface SurveyedDisk {
  readonly disk: Disk;
  readonly os: boolean;
  readonly caching: "None" | "ReadOnly" | "ReadWrite";
  readonly accelerated: boolean;
}

/** Everything that was read of a machine and of where it would come up. What could not be read is undefined. */
export interface Survey {
  readonly machine: VirtualMachine;
  /** Those to protect. */
  readonly disks: readonly SurveyedDisk[];
  /** Names of disks that are no managed ones. */
  readonly unmanaged: readonly string[];
  readonly nics: readonly NetworkInterface[];
  /** Names of subnets of the machine's networks that have route tables; none where the user names the target network. */
  readonly routed: readonly string[];
  /** Names of those that reach the internet through a gateway of their own. */
  readonly gated: readonly string[];
  readonly extensions: readonly InstalledExtension[] | undefined;
  /** On the machine, its group and its subscription. */
  readonly locks: readonly Lock[] | undefined;
  /** On the machine itself. */
  readonly roleAssignments: number | undefined;
  readonly target: SurveyedTarget;
  /** How it would be captured, and how the agent would come there. */
  readonly capture: { readonly provider: CaptureProvider; readonly rollout: "handler" | "script" };
  /** What the app may not read, and why. */
  readonly unread: readonly { readonly what: string; readonly why: string }[];
}

export interface SurveyedTarget {
  readonly region: string;
  readonly offer: Offer | undefined;
  readonly compute: readonly Usage[] | undefined;
  readonly network: readonly Usage[] | undefined;
  /** Resource providers that are not registered, with their state. */
  readonly unregistered: readonly string[];
  /** Storage accounts that cannot be made, and why. */
  readonly taken: readonly string[];
  /** That the copy is to be in. */
  readonly zone: string | undefined;
  /** What was named for it. */
  readonly placements: readonly SurveyedPlacement[];
  /** On the target resource group, where it is there. */
  readonly locks: readonly Lock[] | undefined;
}
