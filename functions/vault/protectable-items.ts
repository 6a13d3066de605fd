import { createHash } from "node:crypto";
import { z } from "zod";
import { parsed } from "../../engine/azure/arm-failure.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId, uuidOf } from "../../engine/core/ids.ts";
import { fabricOf } from "../../engine/recovery/fabric.ts";
import { type Call, route } from "../http.ts";
import { PATHS, containerIn as idIn } from "../paths.ts";
import { filterIn } from "./filter.ts";
import { type Inventory, containerIn, inventoryOf } from "./inventory.ts";
import { locationOf } from "./fabrics.ts";
import { pageOf } from "./paging.ts";
import { vaultOf } from "../../engine/recovery/item.ts";

const all = `${PATHS.container}/replicationProtectableItems`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

const machine = z.object({ id: z.string(), name: z.string(), location: z.string() });
type Machine = z.infer<typeof machine>;

const FIELDS = {
  state: { of: (): string => "Unprotected" },
  friendlyname: { of: ({ name }: Machine) => name },
  name: { of: ({ id }: Machine) => nameOf(id) },
};

/** The subscription's machines in the region of the container's fabric. */
route("listProtectableItems", { ...read, path: all }, async (call) => {
  const { container, inventory, machines } = await foundIn(call);
  const wanted = machines.filter(filterIn(call.request, FIELDS));
  return pageOf(
    call,
    wanted,
    ({ id }) => nameOf(id),
    (one) => view(inventory, container, one),
  );
});

route("getProtectableItem", { ...read, path: `${all}/{protectable}` }, async (call) => {
  const { container, inventory, machines } = await foundIn(call);
  const name = call.param("protectable").toLowerCase();
  const found = machines.find(({ id }) => nameOf(id) === name);
  if (!found) throw new LeewardError("NotFound", `there is no protectable item ${name.slice(0, 100)}`);
  return { jsonBody: view(inventory, container, found) };
});

/** Its name is of one form, as ASR's is; the machine's own is no name that is one in a subscription. */
const nameOf = (vm: string): string => uuidOf(createHash("sha256").update(vm.toLowerCase()).digest());

async function foundIn(call: Call) {
  const { services, request, param } = call;
  const id = idIn(request);
  const inventory = await inventoryOf(services, vaultOf(id));
  const container = containerIn(inventory, id);
  const region = locationOf(inventory, fabricOf(container));
  const path = `/subscriptions/${encodeURIComponent(param("subscription"))}/providers/Microsoft.Compute/virtualMachines`;
  const machines: Machine[] = [];
  if (region !== "")
    for await (const one of services.arm.list(path)) {
      const vm = parsed(machine, one, path);
      if (vm.location.toLowerCase() === region) machines.push(vm);
    }
  return { container, inventory, machines };
}

function view({ items }: Inventory, container: ArmId, { id, name }: Machine) {
  const item = items.find(({ vmId }) => sameArmId(vmId, id));
  return {
    id: `${container}/replicationProtectableItems/${nameOf(id)}`,
    name: nameOf(id),
    type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectableItems",
    properties: {
      friendlyName: name,
      protectionStatus: item ? "Protected" : "Unprotected",
      replicationProtectedItemId: item?.id ?? null,
      recoveryServicesProviderId: null,
      protectionReadinessErrors: [],
      supportedReplicationProviders: ["A2A"],
      customDetails: null,
      leeward: { virtualMachineId: id },
    },
  };
}
