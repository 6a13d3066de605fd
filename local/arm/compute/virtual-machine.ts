import { randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import { begun } from "../begun.ts";
import { toIso } from "../../../engine/core/clock.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { VirtualMachine } from "../model.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { check, claim } from "./attachment.ts";
import { retrieve } from "./boot-diagnostics.ts";
import { instanceView } from "./instance-view.ts";
import { release } from "./power.ts";

const TYPE = "Microsoft.Compute/virtualMachines";

const attached = z.looseObject({
  createOption: z.literal("Attach", { error: "the box attaches existing disks only" }),
  managedDisk: z.looseObject({ id: z.string() }),
});
const machineBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  zones: z.array(z.string()).optional(),
  plan: z.looseObject({}).optional(),
  identity: z.looseObject({ type: z.string() }).optional(),
  properties: z.looseObject({
    hardwareProfile: z.looseObject({ vmSize: z.string() }),
    storageProfile: z.looseObject({
      osDisk: attached.extend({ osType: z.enum(["Linux", "Windows"]) }),
      dataDisks: z.array(attached.extend({ lun: z.number().int().min(0).max(63) })).default([]),
    }),
    networkProfile: z.looseObject({
      networkInterfaces: z
        .array(
          z.looseObject({
            id: z.string(),
            properties: z.looseObject({ primary: z.boolean().optional() }).prefault({}),
          }),
        )
        .min(1),
    }),
    availabilitySet: z.looseObject({ id: z.string() }).nullish(),
    osProfile: z.unknown().optional(),
  }),
});
export type MachineBody = z.infer<typeof machineBody>;

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(machineBody, call.body);
  const location = regionOf(box, body.location, TYPE);
  const known = box.state.virtualMachines.get(path.id);
  if (known && call.ifNoneMatch === "*")
    throw new ArmError(412, "PreconditionFailed", `The resource '${path.name}' exists already.`);
  sameRegion(known, location);
  check(box, path.id, location, body, known);
  const machine = written(box, path.id, path.name, location, body, known);
  if (known) release(box, known);
  box.state.virtualMachines.put(machine);
  claim(box, machine);
  return begun(call, machine, "machine.write", { status: known ? 200 : 201, body: shown(machine) });
}

function written(
  box: Box,
  id: string,
  name: string,
  location: string,
  body: MachineBody,
  known: VirtualMachine | undefined,
): VirtualMachine {
  const { osProfile: _, availabilitySet, ...properties } = body.properties;
  const hidden = known?.hidden ?? {
    power: "running" as const,
    secret: randomBytes(24).toString("hex"),
    principal: randomUUID(),
  };
  const { networkInterfaces } = properties.networkProfile;
  return {
    id: known?.id ?? armId(id),
    name: known?.name ?? name,
    type: TYPE,
    location,
    tags: body.tags ?? {},
    ...(body.zones && { zones: body.zones }),
    ...(body.plan && { plan: body.plan }),
    ...(body.identity && {
      identity: { ...body.identity, principalId: hidden.principal, tenantId: box.config.tenant },
    }),
    properties: {
      ...properties,
      ...(availabilitySet && { availabilitySet }),
      networkProfile: {
        ...properties.networkProfile,
        networkInterfaces: networkInterfaces.map((nic) => ({
          ...nic,
          properties: {
            ...nic.properties,
            primary: nic.properties.primary ?? networkInterfaces.length === 1,
          },
        })),
      },
      vmId: known?.properties.vmId ?? randomUUID(),
      timeCreated: known?.properties["timeCreated"] ?? toIso(box.clock.now()),
      provisioningState: known ? "Updating" : "Creating",
    },
    hidden,
  };
}

const shown = (machine: VirtualMachine) => ({ ...machine, hidden: undefined });

function get(call: Call): Reply {
  const machine = at(call);
  const body = shown(machine);
  if (call.query.get("$expand")?.toLowerCase() !== "instanceview") return { status: 200, body };
  const view = instanceView(call.box, machine);
  return { status: 200, body: { ...body, properties: { ...body.properties, instanceView: view } } };
}

const at = (call: Call): VirtualMachine => existing(call.box.state.virtualMachines, TYPE, call);

function startDelete(call: Call): Reply {
  const machine = call.box.state.virtualMachines.get(call.path.id);
  if (!machine) return { status: 204 };
  machine.properties.provisioningState = "Deleting";
  return begun(call, machine, "machine.delete", { status: 202 });
}

const action = (kind: string, input: Record<string, string> = {}) => ({
  method: "POST" as const,
  run(call: Call): Reply {
    const machine = at(call);
    machine.properties.provisioningState = "Updating";
    return begun(call, machine, kind, { status: 202 }, input);
  },
});

export const virtualMachines: Family = {
  type: TYPE,
  since: "2024-07-01",
  get,
  put,
  patch: (call) => patchTags(at(call), call, () => shown(at(call))),
  delete: startDelete,
  list: ({ box, path }) => ({
    status: 200,
    body: { value: box.state.virtualMachines.under(path.id).map(shown) },
  }),
  find: (box, id) => box.state.virtualMachines.get(id),
  actions: {
    start: action("machine.start"),
    restart: action("machine.start"),
    poweroff: action("machine.stop", { to: "stopped" }),
    deallocate: action("machine.stop", { to: "deallocated" }),
    retrievebootdiagnosticsdata: { method: "POST", run: (call) => retrieve(at(call), call) },
    instanceview: { method: "GET", run: (call) => ({ status: 200, body: instanceView(call.box, at(call)) }) },
  },
};
