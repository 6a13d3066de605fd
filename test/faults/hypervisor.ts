import type { ArmId } from "../../engine/core/ids.ts";
import type { Hypervisor, PoweredVm, ScriptResult } from "../../local/arm/hypervisor.ts";

/** Machines that run when they were told to, and do nothing. */
export class QuietHypervisor implements Hypervisor {
  readonly running = new Set<string>();
  readonly #installed: (vm: ArmId) => void;

  /** @param installed called when the agent was installed on a machine */
  constructor(installed: (vm: ArmId) => void) {
    this.#installed = installed;
  }

  async powerOn({ id }: PoweredVm): Promise<void> {
    this.running.add(id.toLowerCase());
  }
  async powerOff(vm: ArmId): Promise<void> {
    this.running.delete(vm.toLowerCase());
  }
  async installExtension(vm: ArmId): Promise<void> {
    this.#installed(vm);
  }
  async runScript(): Promise<ScriptResult> {
    return { exitCode: 0, output: "", error: "" };
  }
  async frozen(_: ArmId, work: () => Promise<void>): Promise<void> {
    await work();
  }
  async console(): Promise<string> {
    return "login:";
  }
  async state(vm: ArmId): Promise<"running" | "stopped"> {
    return this.running.has(vm.toLowerCase()) ? "running" : "stopped";
  }
}
