import { toIso } from "../../../engine/core/clock.ts";
import type { Box } from "../box.ts";
import type { VirtualMachine } from "../model.ts";
import { disksOf } from "./power.ts";

const POWER = {
  running: "VM running",
  stopped: "VM stopped",
  deallocated: "VM deallocated",
} as const;

/** What the platform sees of the VM at this moment. */
export function instanceView(box: Box, machine: VirtualMachine) {
  const { power } = machine.hidden;
  const state = machine.properties.provisioningState;
  const time = toIso(box.clock.now());
  const level = "Info";
  return {
    hyperVGeneration: "V2",
    ...(power === "running" &&
      state === "Succeeded" && {
        vmAgent: {
          vmAgentVersion: "2.9.1.1",
          statuses: [{ code: "ProvisioningState/succeeded", level, displayStatus: "Ready", time }],
        },
      }),
    disks: disksOf(machine).map(({ id }) => ({
      name: box.state.disks.get(id)?.name ?? "",
      statuses: [
        { code: "ProvisioningState/succeeded", level, displayStatus: "Provisioning succeeded", time },
      ],
    })),
    extensions: box.state.vmExtensions.under(machine.id).map(({ name, properties }) => ({
      name,
      type: `${properties.publisher}.${properties.type}`,
      statuses: [
        {
          code: `ProvisioningState/${properties.provisioningState.toLowerCase()}`,
          level,
          displayStatus: `Provisioning ${properties.provisioningState.toLowerCase()}`,
          time,
        },
      ],
    })),
    statuses: [
      {
        code: `ProvisioningState/${state.toLowerCase()}`,
        level,
        displayStatus: `Provisioning ${state.toLowerCase()}`,
        time,
      },
      ...(state === "Creating" ? [] : [{ code: `PowerState/${power}`, level, displayStatus: POWER[power] }]),
    ],
  };
}
