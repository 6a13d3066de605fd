import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GIB, bytes } from "../../../../engine/core/units.ts";
import { judge, judgeProtected, unprotectedDisks } from "../../../../engine/eligibility/verdict.ts";
import { FINDINGS, type FindingCode, isError } from "../../../../engine/recovery/findings.ts";
import type { Placement } from "../../../../engine/azure/placement.ts";
import type { SurveyedPlacement } from "../../../../engine/eligibility/judge-placement.ts";
import type { Survey, SurveyedTarget } from "../../../../engine/eligibility/survey.ts";
import { disk, idOf, machine, nic, offering, size, surveyed, target, usage } from "./surveyed.ts";

const codes = (survey: Survey) => judge(survey).map(({ code }) => code);
const profile = (osDisk: object, dataDisks: object[] = []) => {
  const { storageProfile } = machine().properties;
  return machine(
    {},
    {
      storageProfile: {
        osDisk: { ...storageProfile.osDisk, ...osDisk },
        dataDisks: dataDisks.map((one, lun) => ({ lun, caching: "None" as const, ...one })),
      },
    },
  );
};
const power = (state: string, agent?: string) =>
  machine(
    {},
    {
      instanceView: {
        statuses: [{ code: `PowerState/${state}` }],
        ...(agent && { vmAgent: { statuses: [{ code: "x", displayStatus: agent }] } }),
      },
    },
  );
const has = (capabilities: Record<string, string>) => target({ offer: offering(size(capabilities)) });
const reference = { id: "/subscriptions/s/x/y" };
const lock = (level: string) => [{ id: `${idOf("x", "y")}/locks/l`, name: "l", level }];

const SIZE = "Standard_D2s_v5";
/** One thing that was named for the copy. */
const named = (
  kind: SurveyedPlacement["kind"],
  found: Partial<Placement> | undefined,
  change: Partial<SurveyedTarget> = {},
  reservations: SurveyedPlacement["reservations"] = [{ zones: [], sku: { name: SIZE } }],
): Partial<Survey> => ({
  target: target({
    placements: [
      {
        kind,
        field: "recoverySomething",
        id: idOf("Microsoft.Compute/things", "thing"),
        found: found && { location: "northeurope", zones: [], properties: {}, ...found },
        reservations,
      },
    ],
    ...change,
  }),
});

/** Each finding, and what a survey looks like that has it and no other. */
const CASES: readonly [FindingCode, Partial<Survey>][] = [
  ["RegionIsTarget", { machine: machine({ location: "NorthEurope" }) }],
  ["NetworkMissing", { nics: [] }],
  ["NetworkMissing", { nics: [nic({ subnet: undefined })] }],
  ["VmConfidential", { machine: machine({}, { securityProfile: { securityType: "ConfidentialVM" } }) }],
  ["VmOnDedicatedHost", { machine: machine({}, { host: reference }) }],
  ["VmOnDedicatedHost", { machine: machine({}, { hostGroup: reference }) }],
  ["DiskUnmanaged", { unmanaged: ["os"] }],
  ["DiskEphemeral", { machine: profile({ diffDiskSettings: { option: "Local" } }) }],
  ["DiskShared", { disks: [disk({ maxShares: 2 })] }],
  ["DiskTooLarge", { disks: [disk({ diskSizeBytes: bytes(8193 * GIB) })] }],
  ["DiskSizeOdd", { disks: [disk({ diskSizeBytes: bytes(GIB + 512) })] }],
  ["DiskEncryptedInGuest", { disks: [disk({ encryptionSettingsCollection: { enabled: true } })] }],
  ["BootDiskByAgent", { capture: { provider: "nbd", rollout: "script" } }],
  ["DiskEncryptedInGuest", { machine: profile({ encryptionSettings: { enabled: true } }) }],
  ["DisksTooMany", { disks: Array.from({ length: 65 }, () => disk()), target: target({ compute: [] }) }],
  ["DiskCustomerKey", { disks: [disk({ encryption: { diskEncryptionSetId: "/x" } })] }],
  ["DiskCachedWrites", { disks: [disk({}, "Premium_LRS", { caching: "ReadWrite" })] }],
  ["DiskAccelerated", { disks: [disk({}, "Premium_LRS", { accelerated: true })] }],
  ["DiskKindMissing", { disks: [disk({}, "PremiumV2_LRS")] }],
  ["ExtensionsLost", { extensions: [{ name: "monitor", kind: "A.B" }] }],
  ["RolesLost", { roleAssignments: 2 }],
  ["PublicAddressLost", { nics: [nic({ publicIPAddress: reference })] }],
  ["LoadBalancerLost", { nics: [nic({ loadBalancerBackendAddressPools: [reference] })] }],
  ["LoadBalancerLost", { nics: [nic({ applicationGatewayBackendAddressPools: [reference] })] }],
  ["GatewayLost", { gated: ["default"] }],
  ["RoutesLost", { routed: ["default"] }],
  ["AddressesLost", { nics: [nic({}, { privateIPAddressVersion: "IPv6" })] }],
  ["VtpmFresh", { machine: machine({}, { securityProfile: { securityType: "TrustedLaunch" } }) }],
  ["UserDataLost", { machine: machine({}, { userData: "aGk=" }) }],
  ["PlanTerms", { machine: machine({ plan: { publisher: "p", product: "q", name: "n" } }) }],
  ["SpotLost", { machine: machine({}, { priority: "Spot" }) }],
  ["PlacementLost", { machine: machine({}, { proximityPlacementGroup: reference }) }],
  ["PlacementLost", { machine: machine({}, { capacityReservation: reference }) }],
  ["PlacementLost", { machine: machine({}, { virtualMachineScaleSet: reference }) }],
  ["ZoneLost", { machine: machine({ zones: ["2"] }) }],
  ["VmStopped", { machine: power("deallocated") }],
  ["GuestAgentSilent", { machine: power("running", "Not Ready") }],
  ["SizeMissing", { target: target({ offer: offering() }) }],
  [
    "SizeRestricted",
    {
      target: target({
        offer: offering(size({}, [{ type: "Location", reasonCode: "NotAvailableForSubscription" }])),
      }),
    },
  ],
  ["SizeTooFewDisks", { machine: profile({}, [{}, {}]), target: has({ MaxDataDiskCount: "1" }) }],
  ["SizeTooFewInterfaces", { nics: [nic({}), nic({})], target: has({ MaxNetworkInterfaces: "1" }) }],
  ["SizeWithoutPremium", { target: has({ PremiumIO: "False" }) }],
  [
    "SizeWithoutUltra",
    {
      machine: machine({}, { additionalCapabilities: { ultraSSDEnabled: true } }),
      target: has({ UltraSSDAvailable: "False" }),
    },
  ],
  ["SizeOtherGeneration", { target: has({ HyperVGenerations: "V1" }) }],
  ["SizeOtherProcessor", { target: has({ CpuArchitectureType: "Arm64" }) }],
  [
    "SizeOtherController",
    {
      machine: machine(
        {},
        { storageProfile: { ...machine().properties.storageProfile, diskControllerType: "NVMe" } },
      ),
      target: has({ DiskControllerTypes: "SCSI" }),
    },
  ],
  ["SizeWithoutAcceleration", { target: has({ AcceleratedNetworkingEnabled: "False" }) }],
  [
    "SizeWithoutHostEncryption",
    {
      machine: machine({}, { securityProfile: { encryptionAtHost: true } }),
      target: has({ EncryptionAtHostSupported: "False" }),
    },
  ],
  ["QuotaCores", { target: target({ compute: [usage("cores", 99, 100)] }) }],
  ["QuotaCores", { target: target({ compute: [usage("StandardDSv5Family", 9, 10)] }) }],
  ["QuotaMachines", { target: target({ compute: [usage("virtualMachines", 10, 10)] }) }],
  ["QuotaDisks", { target: target({ compute: [usage("PremiumDiskCount", 10, 10)] }) }],
  ["QuotaNetwork", { target: target({ network: [usage("NetworkInterfaces", 5, 5)] }) }],
  ["ProviderUnregistered", { target: target({ unregistered: ["Microsoft.Compute is NotRegistered"] }) }],
  ["NameTaken", { target: target({ taken: ["lwc1: taken"] }) }],
  ["PlacementMissing", named("proximity", undefined)],
  ["PlacementMissing", named("encryption", undefined)],
  ["PlacementElsewhere", named("scaleSet", { location: "westeurope" })],
  ["PlacementZone", named("proximity", { zones: ["1"] })],
  [
    "PlacementZone",
    named("reservations", { zones: ["1", "2"] }, { zone: "3" }, [{ zones: ["3"], sku: { name: SIZE } }]),
  ],
  ["PlacementZone", named("reservations", {}, { zone: "3" }, [{ zones: ["3"], sku: { name: SIZE } }])],
  ["ReservationMissing", named("reservations", {}, {}, [{ zones: [], sku: { name: "Standard_D4s_v5" } }])],
  [
    "ReservationMissing",
    named("reservations", { zones: ["1", "2"] }, { zone: "2" }, [{ zones: ["1"], sku: { name: SIZE } }]),
  ],
  ["ScaleSetUniform", named("scaleSet", { properties: {} })],
  ["DiagnosticsAccountUnfit", named("diagnostics", { sku: { name: "Premium_LRS" } })],
  ["DiagnosticsAccountUnfit", named("diagnostics", { sku: { name: "Standard_GZRS" } })],
  ["LockedAgainstChange", { locks: lock("ReadOnly") }],
  ["LockedAgainstDeletion", { target: target({ locks: lock("CanNotDelete") }) }],
  ["Unreadable", { unread: [{ what: "locks", why: "AuthorizationFailed" }] }],
];

/** A machine must have an identity, and its copy's is another one. */
const ALWAYS = ["IdentityChanges"];

test("a machine that loses nothing is told of its identity alone", () => {
  expect(codes(surveyed())).toEqual(ALWAYS);
});

test.each(CASES)("%s is found, and nothing else", (code, change) => {
  expect(codes(surveyed(change)).toSorted()).toEqual([...ALWAYS, code].toSorted());
});

test("what Azure does not take together is named together", () => {
  const id = (name: string) => idOf("Microsoft.Compute/things", name);
  const found = (properties: Placement["properties"]): Placement => ({
    location: "northeurope",
    zones: [],
    properties,
  });
  const flexible = (properties: Placement["properties"]): SurveyedPlacement => ({
    kind: "scaleSet",
    field: "set",
    id: id("set"),
    found: found({ orchestrationMode: "Flexible", ...properties }),
  });
  const reservations: SurveyedPlacement = {
    kind: "reservations",
    field: "reservations",
    id: id("reserved"),
    found: found({}),
    reservations: [{ zones: [], sku: { name: SIZE } }],
  };
  const proximity: SurveyedPlacement = { kind: "proximity", field: "near", id: id("near"), found: found({}) };
  const of = (...placements: SurveyedPlacement[]) => codes(surveyed({ target: target({ placements }) }));
  expect(of(reservations, flexible({}))).toEqual(ALWAYS);
  expect(of(reservations, flexible({ singlePlacementGroup: true }))).toEqual([
    "PlacementExcluded",
    ...ALWAYS,
  ]);
  expect(of(proximity, flexible({ proximityPlacementGroup: { id: id("near") } }))).toEqual(ALWAYS);
  expect(of(proximity, flexible({ proximityPlacementGroup: { id: id("far") } }))).toEqual([
    "PlacementExcluded",
    ...ALWAYS,
  ]);
  const ultra = machine({}, { additionalCapabilities: { ultraSSDEnabled: true } });
  expect(codes(surveyed({ machine: ultra, target: target({ placements: [reservations] }) }))).toEqual([
    "PlacementExcluded",
    ...ALWAYS,
  ]);
});

test("trusted launch needs a size that has it, and tells of BitLocker", () => {
  const trusted = machine({}, { securityProfile: { securityType: "TrustedLaunch" } });
  const found = judge(surveyed({ machine: trusted, target: has({ TrustedLaunchDisabled: "True" }) }));
  expect(found.map(({ code }) => code)).toEqual(["SizeWithoutTrustedLaunch", "IdentityChanges", "VtpmFresh"]);
  expect(FINDINGS.VtpmFresh.causes).toContain("BitLocker");
});

test("a machine without an identity is refused", () => {
  expect(codes(surveyed({ machine: machine({ identity: undefined }) }))).toEqual(["IdentityMissing"]);
  const capture = { provider: "snapshots", rollout: "script" } as const;
  expect(codes(surveyed({ machine: machine({ identity: undefined }), capture }))).toEqual([]);
});

test("Leeward's own extension is not told of", () => {
  expect(codes(surveyed({ extensions: [{ name: "LeewardAgent", kind: "Leeward.Agent" }] }))).toEqual(ALWAYS);
});

test("a lock that machine and target inherit is told of once", () => {
  const locks = lock("CanNotDelete");
  expect(judge(surveyed({ locks, target: target({ locks }) })).map(({ code }) => code)).toEqual([
    "IdentityChanges",
    "LockedAgainstDeletion",
  ]);
});

test("what was not read is not judged", () => {
  const nothing = { offer: undefined, compute: undefined, network: undefined, locks: undefined };
  const survey = surveyed({
    extensions: undefined,
    locks: undefined,
    roleAssignments: undefined,
    target: target(nothing),
  });
  expect(codes(survey)).toEqual(ALWAYS);
});

test("errors come first", () => {
  const found = judge(surveyed({ roleAssignments: 1, target: target({ offer: offering() }) }));
  expect(found.map(isError)).toEqual([true, false, false]);
});

test("what has changed since a machine was protected is found", () => {
  const first = { id: idOf("Microsoft.Compute/disks", "os"), name: "os", size: bytes(32 * GIB) };
  const now = (id: string) => {
    const same = disk({ diskSizeBytes: bytes(first.size + GIB) });
    const attached = profile({ managedDisk: { id } });
    return surveyed({ machine: attached, disks: [{ ...same, disk: { ...same.disk, id: first.id } }] });
  };
  const of = (survey: Survey, all: boolean) =>
    judgeProtected(survey, { disks: [first] }, all).map(({ code }) => code);
  expect(of(now(first.id), true)).toContain("DiskResized");
  const other = idOf("Microsoft.Compute/disks", "new");
  expect(of(now(other), true)).toEqual(expect.arrayContaining(["DiskDetached", "DisksChanged"]));
  expect(of(now(other), false)).not.toContain("DisksChanged");
  const removed = judgeProtected(now(other), { disks: [first], removed: [{ id: other }] }, true);
  expect(removed.map(({ code }) => code)).not.toContain("DisksChanged");
});

test("data disks that are not protected are told by where they are attached", () => {
  const kept = idOf("Microsoft.Compute/disks", "data");
  const other = idOf("Microsoft.Compute/disks", "new");
  const attached = profile({ managedDisk: { id: other } });
  const dataDisks = [{ managedDisk: { id: kept } }, { managedDisk: { id: other } }, {}].map((disk, lun) => ({
    ...disk,
    lun,
    caching: "None" as const,
  }));
  attached.properties.storageProfile.dataDisks = dataDisks;
  expect(unprotectedDisks(attached, { disks: [{ id: kept }] })).toEqual([
    { lun: 1, id: other },
    { lun: 2, id: undefined },
  ]);
});

test("every code of the catalogue has a case here", () => {
  const elsewhere = [
    "SourceGone",
    "IdentityMissing",
    "IdentityChanges",
    "SizeWithoutTrustedLaunch",
    "PlacementExcluded",
  ];
  const changes = ["DisksChanged", "DiskDetached", "DiskResized"];
  const covered = new Set([...CASES.map(([code]) => code), ...elsewhere, ...changes]);
  expect(Object.keys(FINDINGS).filter((code) => !covered.has(code))).toEqual([]);
});

test("docs/eligibility.md has the catalogue, word for word", () => {
  const rows = Object.entries(FINDINGS).map(
    ([code, { level, causes, remedy }]) => `| \`${code}\` | ${level} | ${causes} | ${remedy} |`,
  );
  const table = readFileSync("docs/eligibility.md", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  expect(table).toEqual(rows);
});
