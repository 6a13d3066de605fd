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
import { type FailoverReport, type ItemRecord, itemKeyOf, targetOf } from "../../engine/recovery/item.ts";
import type { BuiltNic, BootReport } from "../../engine/recovery/target-build.ts";
import type { Services } from "../services.ts";
import { type Implementations, itemOf } from "./tools.ts";

/** Of the console: enough to see where it stopped, and little enough for a record. */
const MOST_LINES = 20;
const MOST_CHARACTERS = 200;

export const bootActivities = {
  async observeBoot({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const vm = await getVirtualMachine(services.arm.urgent, targetOf(item).vm);
    const running = powerStateOf(vm) === "running";
    const agent = vmAgentOf(vm);
    const started = running && (bootCheckOf(item) === "running" || agent === "Ready");
    return { running, started, seen: seenOf(vm) };
  },

  /** Nothing of it is needed for the machine to run, so nothing of it fails the job. */
  async readBoot({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const vm = await getVirtualMachine(services.arm.urgent, targetOf(item).vm);
    const [log, nics] = await Promise.all([consoleOf(services, item), given(services, item)]);
    const boot: BootReport = { power: powerStateOf(vm) ?? "unknown", agent: vmAgentOf(vm), ...log };
    await services.records.items.update(itemKeyOf(machine), (old) =>
      old.failover ? { ...old, failover: withBoot(old.failover, boot, nics) } : old,
    );
    return { said: boot.console?.at(-1) ?? "" };
  },
} satisfies Partial<Implementations>;

const seenOf = (vm: VirtualMachine): string =>
  [
    `power state ${powerStateOf(vm) ?? "unknown"}`,
    `provisioning ${provisioningOf(vm)}`,
    `VM agent ${vmAgentOf(vm) ?? "silent"}`,
  ].join(", ");

async function consoleOf(
  { arm }: Services,
  item: ItemRecord,
): Promise<Pick<BootReport, "console" | "consoleMissing">> {
  try {
    const text = redact(await readConsole(arm.urgent, targetOf(item).vm));
    const lines = text.split(/\r?\n/).map((line) => line.trimEnd().slice(0, MOST_CHARACTERS));
    return { console: lines.filter((line) => line !== "").slice(-MOST_LINES) };
  } catch (error) {
    if (error instanceof LeewardError) return { consoleMissing: error.message };
    throw error;
  }
}

/** What the subnets gave, where the addresses were theirs to give. */
async function given({ arm }: Services, { failover }: ItemRecord): Promise<BuiltNic[]> {
  return Promise.all(
    (failover?.nics ?? []).map(async (nic) => {
      const found = await findNetworkInterface(arm.urgent, nic.id);
      const has = new Map(
        found?.properties.ipConfigurations.map((one) => [one.name, one.properties.privateIPAddress]),
      );
      const addresses = nic.addresses.map((one) => ({ ...one, given: has.get(one.name) ?? one.given }));
      return { ...nic, addresses };
    }),
  );
}

const withBoot = (old: FailoverReport, boot: BootReport, nics: readonly BuiltNic[]): FailoverReport => ({
  ...old,
  boot,
  ...(nics.length > 0 && { nics: [...nics] }),
});
