import { readConsole } from "../../engine/azure/boot-diagnostics.ts";
import { closeDisk, ensureDisk, openDisk } from "../../engine/azure/disk.ts";
import { ensureNetworkInterface, ensureVirtualNetwork } from "../../engine/azure/network.ts";
import { type Ensured, remove } from "../../engine/azure/resource.ts";
import { vhdFooter } from "../../engine/azure/vhd-footer.ts";
import {
  ensureVirtualMachine,
  getVirtualMachine,
  powerStateOf,
  provisioningOf,
  vmAgentOf,
} from "../../engine/azure/virtual-machine.ts";
import { hasCode, messageOf } from "../../engine/core/errors.ts";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import { MIB, bytes, millis } from "../../engine/core/units.ts";
import { type Proof, type Proving, inGroup, pagesAt, settled } from "./proving.ts";

const DISK_BYTES = bytes(32 * MIB);
const OWNER = { machine: "shared", role: "proof" } as const;
/** The cheapest that is in nearly every region; it runs for the minutes of this proof. */
const SIZE = "Standard_B2s";
/** Azure keeps an interface for a machine that could not be made, or is gone, for 180 s. */
const MOST_SECONDS = 300;
const PAUSE = millis(10_000);

/** The disk is empty, so nothing boots: what Azure makes of the body is what is in question. */
export const machineProof: Proof = {
  name: "a machine is made of an attached disk, with an identity of its own, and lets go of disk and interface",
  call: "PUT virtualMachines {osDisk.createOption: Attach, identity.type: SystemAssigned}, GET virtualMachines?$expand=instanceView, POST retrieveBootDiagnosticsData, DELETE virtualMachines, DELETE networkInterfaces, DELETE disks",
  async prove(proving) {
    const { arm, region: location } = proving;
    const disk = await uploadedDisk(proving);
    const nic = await freeInterface(proving);
    const id = inGroup(proving, "Microsoft.Compute/virtualMachines", "machine");
    const spec = {
      id,
      location,
      size: SIZE,
      osDisk: { id: disk, osType: "Linux", caching: "ReadWrite" } as const,
      dataDisks: [],
      networkInterfaces: [nic],
      identity: { system: true, users: [] },
      owner: OWNER,
    };
    await settled(proving, await ensureVirtualMachine(arm, spec));
    const vm = await getVirtualMachine(arm, id);
    if (!vm.identity?.principalId) throw new Error("the machine has no identity");
    const view = `${powerStateOf(vm)}, ${provisioningOf(vm)}, VM agent ${vmAgentOf(vm) ?? "silent"}`;
    const console = await readConsole(arm, id).then(
      (text) => `console: ${text.length} characters`,
      (error: unknown) => messageOf(error).slice(0, 120),
    );
    await settled(proving, await remove(arm, id, OWNER));
    const waits = [await letGo(proving, nic), await letGo(proving, disk)];
    return `${view}; ${console}; interface and disk were let go ${waits.join(" and ")} s behind the machine`;
  },
};

async function uploadedDisk(proving: Proving): Promise<ArmId> {
  const { arm, clock, region: location } = proving;
  const id = inGroup(proving, "Microsoft.Compute/disks", "machine-os");
  const source = { from: "upload", size: DISK_BYTES } as const;
  const system = { osType: "Linux", hyperVGeneration: "V1" } as const;
  await settled(
    proving,
    await ensureDisk(arm, { id, location, sku: "Standard_LRS", source, ...system, owner: OWNER }),
  );
  const sas = await openDisk(arm, id, { access: "Write", seconds: 3600 }, clock);
  const footer = vhdFooter(DISK_BYTES, Buffer.alloc(16, 2));
  await pagesAt(proving, sas).uploadPages(footer, DISK_BYTES, footer.length);
  await settled(proving, await closeDisk(arm, id));
  return id;
}

async function freeInterface(proving: Proving): Promise<ArmId> {
  const { arm, region: location } = proving;
  const network = inGroup(proving, "Microsoft.Network/virtualNetworks", "machine-network");
  const subnets = [{ name: "default", addressPrefix: "10.198.0.0/24" }];
  const space = { location, addressPrefixes: ["10.198.0.0/16"], subnets };
  await settled(proving, await ensureVirtualNetwork(arm, { id: network, owner: OWNER, ...space }));
  const id = inGroup(proving, "Microsoft.Network/networkInterfaces", "machine-nic");
  const addresses = [{ name: "primary", version: "IPv4" as const, address: "10.198.0.20" }];
  const subnet = armId(`${network}/subnets/default`);
  await settled(
    proving,
    await ensureNetworkInterface(arm, { id, location, subnet, addresses, owner: OWNER }),
  );
  return id;
}

/** Deletes it as soon as Azure lets it. @returns seconds until then */
async function letGo(proving: Proving, id: ArmId): Promise<number> {
  const { arm, clock } = proving;
  const began = clock.now();
  const seconds = () => Math.round((clock.now() - began) / 1e6);
  for (;;) {
    const begun: Ensured | undefined = await remove(arm, id, OWNER).catch((error: unknown) => {
      if (seconds() > MOST_SECONDS || !(hasCode(error, "ArmFailed") || hasCode(error, "ArmUnavailable")))
        throw error;
      return undefined;
    });
    if (!begun) {
      await clock.sleep(PAUSE);
      continue;
    }
    await settled(proving, begun);
    return seconds();
  }
}
