import type { ArmClient } from "../../engine/azure/arm.ts";
import { readConsole } from "../../engine/azure/boot-diagnostics.ts";
import { findNetworkInterface } from "../../engine/azure/network.ts";
import {
  type VirtualMachine,
  getVirtualMachine,
  powerStateOf,
  provisioningOf,
  vmAgentOf,
} from "../../engine/azure/virtual-machine.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { redact } from "../../engine/core/redact.ts";
import { bootCheckOf } from "../../engine/recovery/build-choice.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import type { BuiltNic, BootReport, TargetBuild } from "../../engine/recovery/target-build.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import { builtOf, noteBuilt } from "./failover-note.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";

/** Of the console: enough to see where it stopped, and little enough for a record. */
const MOST_LINES = 20;
const MOST_CHARACTERS = 200;

export const bootActivities = {
  async observeBoot(copy, { services }) {
    const item = await itemOf(services, copy.machine);
    const vm = await getVirtualMachine(armFor(services, copy), copyOf(item, copy).vm);
    const running = powerStateOf(vm) === "running";
    const agent = vmAgentOf(vm);
    const started = running && (bootCheckOf(item, copy) === "running" || agent === "Ready");
    return { running, started, seen: seenOf(vm) };
  },

  /** Nothing of it is needed for the machine to run, so nothing of it fails the job. */
  async readBoot(copy, { services }) {
    const item = await itemOf(services, copy.machine);
    const arm = armFor(services, copy);
    const { vm: id } = copyOf(item, copy);
    const vm = await getVirtualMachine(arm, id);
    const [log, nics] = await Promise.all([consoleOf(arm, id), given(arm, builtOf(item, copy))]);
    const boot: BootReport = { power: powerStateOf(vm) ?? "unknown", agent: vmAgentOf(vm), ...log };
    await noteBuilt(services, copy, () => ({ boot, ...(nics.length > 0 && { nics }) }));
    return { said: boot.console?.at(-1) ?? "" };
  },
} satisfies Partial<Implementations>;

const seenOf = (vm: VirtualMachine): string =>
  [
    `power state ${powerStateOf(vm) ?? "unknown"}`,
    `provisioning ${provisioningOf(vm)}`,
    `VM agent ${vmAgentOf(vm) ?? "silent"}`,
  ].join(", ");

async function consoleOf(arm: ArmClient, vm: ArmId): Promise<Pick<BootReport, "console" | "consoleMissing">> {
  try {
    const text = redact(await readConsole(arm, vm));
    const lines = text.split(/\r?\n/).map((line) => line.trimEnd().slice(0, MOST_CHARACTERS));
    return { console: lines.filter((line) => line !== "").slice(-MOST_LINES) };
  } catch (error) {
    if (error instanceof LeewardError) return { consoleMissing: error.message };
    throw error;
  }
}

/** What the subnets gave, where the addresses were theirs to give. */
async function given(arm: ArmClient, { nics = [] }: TargetBuild = {}): Promise<BuiltNic[]> {
  return Promise.all(
    nics.map(async (nic) => {
      const found = await findNetworkInterface(arm, nic.id);
      const has = new Map(
        found?.properties.ipConfigurations.map((one) => [one.name, one.properties.privateIPAddress]),
      );
      const addresses = nic.addresses.map((one) => ({ ...one, given: has.get(one.name) ?? one.given }));
      return { ...nic, addresses };
    }),
  );
}
