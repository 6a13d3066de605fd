import type { ArmId } from "../../engine/core/ids.ts";
import type { Bytes } from "../../engine/core/units.ts";

/**
 * The seam between the ARM simulator, which knows what a VM should be, and whatever runs it. `local/machine/hypervisor.ts`
 * runs VMs as processes; tests record the calls. All methods may be called twice with the same arguments.
 */
export interface Hypervisor {
  /**
   * Starts the VM; resolves when it runs. Nothing happens when it runs already. Also called for every VM that should
   * run when the simulator itself was restarted.
   * @throws anything: the ARM operation then fails with the message.
   */
  powerOn(vm: PoweredVm): Promise<void>;
  /** Has the VM end in order, and pulls the plug where it does not. Where it is absent every VM has its plug pulled. */
  shutDown?(vm: ArmId): Promise<void>;
  /** Pulls the plug: resolves when none of the VM's processes is left. Nothing happens when it does not run. */
  powerOff(vm: ArmId): Promise<void>;
  /** The VM was deleted: what is kept of it beside its disks goes. It does not run. */
  forget?(vm: ArmId): Promise<void>;
  /** Carries settings into the VM, as the guest agent would; resolves when the extension reports success. */
  installExtension(vm: ArmId, extension: VmExtension): Promise<void>;
  /** Runs a script in the VM as its administrator, to its end. */
  runScript(vm: ArmId, script: VmScript): Promise<ScriptResult>;
  /** Runs `work` while nothing in the VM, nor in front of its disks, writes anything: to copy a disk as it is at one instant. */
  frozen(vm: ArmId, work: () => Promise<void>): Promise<void>;
  /** The end of what the VM wrote to its serial console; empty when it wrote nothing, or never ran. */
  console(vm: string): Promise<string>;
  state(vm: ArmId): Promise<"running" | "stopped">;
}

export interface PoweredVm {
  readonly id: ArmId;
  readonly name: string;
  readonly region: string;
  /** OS disk first, then data disks by ascending LUN. */
  readonly disks: readonly VmDisk[];
  /** Private addresses of its NICs, the primary one first. Decoration in the box: everything is on loopback. */
  readonly addresses: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** Environment for processes inside the VM: how `ManagedIdentityCredential` gets tokens of this VM's identity. */
  readonly identity: { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string };
}

export interface VmDisk {
  readonly slot: "os" | number;
  readonly name: string;
  /** Absolute path of the raw image. */
  readonly file: string;
  readonly size: Bytes;
}

export interface VmScript {
  readonly script: string;
  /** May be secret. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

export interface ScriptResult {
  readonly exitCode: number;
  readonly output: string;
  readonly error: string;
}

export interface VmExtension {
  readonly name: string;
  readonly publisher: string;
  readonly type: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Secrets: never stored by the simulator. */
  readonly protectedSettings: Readonly<Record<string, unknown>>;
}
