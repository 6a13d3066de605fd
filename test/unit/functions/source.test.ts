import { expect, test } from "vitest";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { GIB, MOST_DISKS } from "../../../engine/core/units.ts";
import { itemKey, itemKeyOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { sourceActivities } from "../../../functions/activities/source.ts";
import type { Offer } from "../../../engine/eligibility/survey.ts";
import type { Services } from "../../../functions/services.ts";
import { VM, WISH, item } from "../engine/recovery/fixture.ts";

const GROUP = VM.slice(0, VM.indexOf("/providers/"));
const idOf = (kind: string, name: string) => armId(`${GROUP}/providers/Microsoft.${kind}/${name}`);
const diskId = (lun: number) => idOf("Compute", `disks/data-${lun}`);
const OS = idOf("Compute", "disks/os");
const NETWORK = idOf("Network", "virtualNetworks/net");

const resource = (id: ArmId, properties: object) => ({
  id,
  name: id.slice(id.lastIndexOf("/") + 1),
  location: "westeurope",
  properties: { provisioningState: "Succeeded", ...properties },
});

/** A VM with an OS disk and so many data disks, as ARM tells of it. */
function arm(dataDisks: number): (id: string) => object {
  const luns = Array.from({ length: dataDisks }, (_, lun) => lun);
  const nic = idOf("Network", "networkInterfaces/nic");
  const known = [
    {
      ...resource(VM, {
        hardwareProfile: { vmSize: "Standard_M128s" },
        licenseType: "RHEL_BYOS",
        securityProfile: { securityType: "TrustedLaunch", uefiSettings: { vTpmEnabled: true } },
        storageProfile: {
          osDisk: { managedDisk: { id: OS } },
          dataDisks: luns.toReversed().map((lun) => ({ lun, managedDisk: { id: diskId(lun) } })),
        },
        networkProfile: { networkInterfaces: [{ id: nic }] },
      }),
      identity: { type: "SystemAssigned", principalId: "p" },
      plan: { name: "n", product: "q", publisher: "p" },
    },
    resource(nic, {
      ipConfigurations: [
        {
          name: "ip",
          properties: {
            privateIPAddress: "10.0.0.4",
            privateIPAllocationMethod: "Static",
            subnet: { id: `${NETWORK}/subnets/default` },
          },
        },
      ],
    }),
    resource(NETWORK, {
      addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
      subnets: [{ id: "s", name: "default", properties: { addressPrefix: "10.0.0.0/24" } }],
    }),
    ...[OS, ...luns.map(diskId)].map((id) =>
      resource(id, {
        diskState: "Attached",
        diskSizeBytes: 32 * GIB,
        securityProfile: { securityType: "TrustedLaunch" },
      }),
    ),
  ];
  return (id) => {
    const found = known.find((one) => one.id === id);
    if (!found) throw new Error(`nobody told of ${id}`);
    return found;
  };
}

const made = /storageAccounts|resourceGroups\/shop-recovery/;
const registered = { registrationState: "Registered" };
const size = {
  resourceType: "virtualMachines",
  name: "x",
  locationInfo: [],
  capabilities: [],
  restrictions: [],
};
/** A region that has the machine's size. */
const offer = { sizes: new Map([["standard_m128s", size]]), disks: new Map() };

async function check(dataDisks: number, disks?: ArmId[], offered: Offer = offer) {
  const tell = arm(dataDisks);
  const services: Services = {
    ...Object.create(null),
    records: recordsIn(new MemoryRecordStore()),
    settings: { region: "northeurope" },
    arm: {
      ...Object.create(null),
      find: async (id: string) => (made.test(id) ? undefined : tell(id)),
      get: async (id: string) => ({
        status: 200,
        body: /\/providers\/[\w.]+$/.test(id) ? registered : tell(id),
      }),
      post: async () => ({ status: 200, body: { nameAvailable: true } }),
      async *list() {
        yield* [];
      },
    },
    offerOf: async () => offered,
  };
  const one = item({ request: { ...WISH.request, ...(disks && { disks }) } });
  await services.records.items.create(itemKey(one.id), one);
  const { machine } = one;
  const said = await sourceActivities.checkSource({ machine }, { services, client: Object.create(null) });
  return { said, source: (await services.records.items.get(itemKeyOf(machine)))?.value.source };
}

test(`a VM of ${MOST_DISKS} disks can be protected: the OS disk first, then by LUN`, async () => {
  const { said, source } = await check(MOST_DISKS - 1);
  expect(said).toMatchObject({ disks: MOST_DISKS, bytes: MOST_DISKS * 32 * GIB });
  expect(source?.disks.map(({ index, lun }) => [index, lun])).toEqual(
    Array.from({ length: MOST_DISKS }, (_, index) => [index, index === 0 ? undefined : index - 1]),
  );
});

test("plan, licence and security are kept for the copy, which does not start without them", async () => {
  const { source } = await check(1);
  expect(source).toMatchObject({
    plan: { name: "n", product: "q", publisher: "p" },
    licenseType: "RHEL_BYOS",
    securityProfile: { securityType: "TrustedLaunch", uefiSettings: { vTpmEnabled: true } },
    disks: [{ securityType: "TrustedLaunch" }, { securityType: "TrustedLaunch" }],
  });
});

test("what the verdict calls an error is refused with its code, before anything is made", async () => {
  const nothing = { sizes: new Map(), disks: new Map() };
  await expect(check(1, undefined, nothing)).rejects.toMatchObject({
    code: "SourceUnsuitable",
    message: expect.stringContaining("SizeMissing: northeurope has no Standard_M128s"),
  });
});

test("of a VM with more, those that are to be protected must be named", async () => {
  await expect(check(MOST_DISKS)).rejects.toMatchObject({
    code: "SourceUnsuitable",
    message: expect.stringContaining("has 65 disks, and 64 can be protected"),
  });
  const named = [OS, ...Array.from({ length: MOST_DISKS - 1 }, (_, lun) => diskId(lun + 1))];
  const { source } = await check(MOST_DISKS, named);
  expect(source?.disks.at(-1)?.lun).toBe(MOST_DISKS - 1);
});
