import { ArmError, bodyOf } from "../arm-error.ts";
import { limits } from "../box-config.ts";
import type { Box } from "../box.ts";
import type { Reply } from "../call.ts";
import { powerOn } from "../compute/power.ts";
import { same } from "../secret.ts";
import { faultRequest } from "./fault.ts";

/**
 * What only the box's own people may do, under `/box/`: see the state, lose and restore a region, change its quotas and restrictions, ask for faults.
 * @throws ArmError 401 without the box's admin token.
 */
export async function administer(
  box: Box,
  method: string,
  pathname: string,
  body: unknown,
  authorization: string | undefined,
): Promise<Reply> {
  if (!same(authorization ?? "", `Bearer ${box.config.adminToken}`))
    throw new ArmError(401, "AuthenticationFailed", "The box's admin token is missing or wrong.");
  const [, , what, region, action] = pathname.split("/");
  if (method === "GET" && what === "state") return { status: 200, body: summary(box) };
  if (method === "POST" && what === "faults") {
    box.faults.add(bodyOf(faultRequest, body));
    return { status: 201, body: { faults: box.faults.list() } };
  }
  if (method === "DELETE" && what === "faults") {
    box.faults.clear();
    return { status: 204 };
  }
  const known = box.config.regions.some(({ name }) => name === region);
  if (method === "POST" && what === "regions" && region && known && action === "lose")
    return lose(box, region);
  if (method === "POST" && what === "regions" && region && known && action === "restore")
    return restore(box, region);
  if (method === "PUT" && what === "regions" && region && known && action === "limits") {
    box.state.limits.set(region, bodyOf(limits, body));
    box.state.save();
    return { status: 200, body: box.state.limits.get(region) };
  }
  throw new ArmError(404, "NotFound", `The box has nothing at ${method} ${pathname}.`);
}

/** First nothing answers any more, then the plug is pulled from every VM there. */
async function lose(box: Box, region: string): Promise<Reply> {
  box.state.lost.add(region);
  box.state.save();
  const machines = box.state.virtualMachines.all().filter(({ location }) => location === region);
  await Promise.all(machines.map(({ id }) => box.hypervisor.powerOff(id)));
  return { status: 200, body: { lost: [...box.state.lost] } };
}

/** What ran when the region was lost runs again. */
async function restore(box: Box, region: string): Promise<Reply> {
  box.state.lost.delete(region);
  box.state.save();
  for (const machine of box.state.virtualMachines.all())
    if (machine.location === region && machine.hidden.power === "running") await powerOn(box, machine);
  return { status: 200, body: { lost: [...box.state.lost] } };
}

function summary({ config, state, faults }: Box) {
  const line = ({ id, type, location }: { id: string; type: string; location: string }) => ({
    id,
    type,
    location,
  });
  return {
    regions: config.regions.map(({ name }) => name),
    lost: [...state.lost],
    groups: state.groups.all().map(line),
    storageAccounts: state.storageAccounts
      .all()
      .map((account) => ({ ...line(account), pool: account.hidden.pool })),
    virtualNetworks: state.virtualNetworks.all().map(line),
    networkInterfaces: state.networkInterfaces.all().map(line),
    availabilitySets: state.availabilitySets.all().map(line),
    disks: state.disks.all().map((disk) => ({
      ...line(disk),
      diskState: disk.properties.diskState,
      file: disk.hidden.file,
      managedBy: disk.managedBy,
    })),
    snapshots: state.snapshots.all().map(line),
    virtualMachines: state.virtualMachines.all().map((machine) => ({
      ...line(machine),
      power: machine.hidden.power,
      principal: machine.hidden.principal,
    })),
    vmExtensions: state.vmExtensions.all().map(line),
    operations: state.operations.all().filter(({ status }) => status === "InProgress"),
    faults: faults.list(),
  };
}
