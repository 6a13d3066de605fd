import { writeFileSync } from "node:fs";
import path from "node:path";
import { armId, machineId } from "../../engine/core/ids.ts";
import { MIB, bytes } from "../../engine/core/units.ts";
import { machinePrefix, pointsPrefix } from "../../engine/journal/names.ts";
import { beginEnable } from "../../engine/recovery/begin.ts";
import { itemKey } from "../../engine/recovery/item.ts";
import { mappingKey } from "../../engine/recovery/network-mapping.ts";
import { recoveryPolicy } from "../../engine/recovery/policy.ts";
import { noBarriers } from "../../engine/recovery/barriers.ts";
import type { Seed } from "../../local/arm/box-config.ts";
import type { Box } from "../../local/arm/box.ts";
import { sow } from "../../local/arm/seed.ts";
import type { Step } from "./achieve.ts";
import {
  ITEM,
  MACHINE,
  NEIGHBOUR,
  NORTH,
  START,
  TARGET_BLOB,
  TARGET_GROUP,
  VM,
  WEST,
  groupId,
  idOf,
} from "./place.ts";
import type { World } from "./world.ts";

/** Ours begins with its name, so what goes by a prefix that ends too early takes it along. */
const SIMILAR = machineId(`0${MACHINE}`);
const LONGER = machineId(`${MACHINE}0`);

/**
 * What looks like ours and is none: other machines' by their tags, others' by their roles, names like ours without a tag. In the
 * end each must be as it was, byte for byte.
 */
export const surroundings: Step = {
  name: "what is not ours",
  async begin(world) {
    await surround(world);
    return "done";
  },
  rests: async () => true,
};

/** In a world without anything of ours as well: then the group is there before. */
export async function surround(world: World): Promise<void> {
  const { box } = world;
  if (!box.state.groups.get(TARGET_GROUP))
    await sowInto(box, [{ id: TARGET_GROUP, body: { location: NORTH } }]);
  await sowInto(box, resources(world));
  await store(world);
  await record(world);
}

const sowInto = (box: Box, seed: readonly Seed[]) =>
  sow({ ...box, config: { ...box.config, seed: [...seed] } });

const DISKS = "Microsoft.Compute/disks";

const tagged = (machine: string, role: string) => ({
  "leeward-machine": machine,
  "leeward-role": role,
});

function resources({ box, directory }: World): Seed[] {
  const group = box.state.groups.get(TARGET_GROUP)?.name ?? "shop-recovery";
  const disk = (name: string, tags: Record<string, string>, region = NORTH, of = group): Seed => {
    const file = path.join(directory, "source", `${of}-${name}.img`);
    writeFileSync(file, Buffer.alloc(MIB, `${name} `));
    const properties = { creationData: { createOption: "Empty" }, diskSizeGB: 1 };
    const body = { location: region, sku: { name: "Premium_LRS" }, tags, properties };
    return { id: idOf(of, DISKS, name), file, body };
  };
  const plain = (of: string, type: string, name: string, tags: Record<string, string>, region: string) => ({
    id: idOf(of, type, name),
    body: { location: region, tags, properties: {} },
  });
  const network = (of: string, name: string, tags: Record<string, string>, region: string): Seed => ({
    id: idOf(of, "Microsoft.Network/virtualNetworks", name),
    body: {
      location: region,
      tags,
      properties: { addressSpace: { addressPrefixes: ["10.9.0.0/16"] }, subnets: [] },
    },
  });
  return [
    disk("shop-os-00000001", {}),
    disk("shop-os", tagged(LONGER, "target-disk")),
    disk("shop-data", tagged("shared", "source")),
    disk("shop-data-00000001", { "leeward-machine-not": MACHINE }),
    disk("leeward-copy", tagged(SIMILAR, "capture"), WEST, "shop"),
    plain(
      group,
      "Microsoft.Network/networkSecurityGroups",
      "shop-guard",
      tagged(LONGER, "security-group"),
      NORTH,
    ),
    plain(group, "Microsoft.Network/networkSecurityGroups", "shop-rules", tagged("shared", "network"), NORTH),
    // Of what several machines share only the cache is looked for where machines come from.
    network("shop", "shop-net-copy", tagged("shared", "network"), WEST),
    network(group, "shop-net-2", tagged("shared", "target"), NORTH),
    network(group, "shop-net-3", {}, NORTH),
    {
      id: idOf("shop", "Microsoft.Compute/snapshots", "leeward-000000000000-1-1-0"),
      body: {
        location: WEST,
        tags: tagged(LONGER, "capture"),
        properties: {
          creationData: { createOption: "Copy", sourceResourceId: idOf("shop", DISKS, NEIGHBOUR.name) },
          incremental: true,
        },
      },
    },
    {
      id: armId(`${idOf("shop", "Microsoft.Compute/virtualMachines", "neighbour")}/extensions/LeewardAgent`),
      body: {
        location: WEST,
        tags: tagged(LONGER, "agent"),
        properties: { publisher: "Leeward", type: "Agent", typeHandlerVersion: "1.0", settings: {} },
      },
    },
  ];
}

/** Objects of machines whose names begin or end as ours does. */
async function store({ accounts }: World): Promise<void> {
  const { objects, pages } = accounts.at(TARGET_BLOB);
  for (const machine of [SIMILAR, LONGER])
    for (const name of [`${pointsPrefix(machine)}000001/1.json`, `${machinePrefix(machine)}key.json`])
      await objects.put(name, Buffer.from(`{"of": "${machine}"}`), "any");
  await pages.create(`${machinePrefix(LONGER)}replica/0.vhd`, bytes(MIB));
}

async function record({ eye: { records } }: World): Promise<void> {
  const wish = {
    id: armId(`${ITEM}2`),
    vmId: armId(`${VM}2`),
    policy: recoveryPolicy.parse({}),
    request: { resourceGroup: groupId("elsewhere") },
  };
  const other = beginEnable(undefined, wish, { now: START });
  await records.items.upsert(itemKey(other.id), () => other);
  for (const machine of [SIMILAR, LONGER, other.machine])
    await records.barriers.upsert(machine, () => noBarriers(machine));
  const source = idOf("shop", "Microsoft.Network/virtualNetworks", "shop-net-copy");
  const target = idOf("elsewhere", "Microsoft.Network/virtualNetworks", "net");
  await records.mappings.upsert(mappingKey(source), () => ({
    format: 1,
    name: "by-hand",
    source,
    target,
    subnets: {},
    by: "caller",
  }));
}
