import fc from "fast-check";
import { expect, test } from "vitest";
import type { Sku } from "../../../../engine/azure/sku.ts";
import { type Wanted, alternatives, shapeOf } from "../../../../engine/eligibility/alternatives.ts";
import { type FitFacts, fitOf } from "../../../../engine/eligibility/fit.ts";
import { shortages, without } from "../../../../engine/eligibility/quota.ts";
import { misfits, restrictionOf } from "../../../../engine/eligibility/size-fit.ts";
import { isError } from "../../../../engine/recovery/findings.ts";
import { offering, usage } from "./surveyed.ts";

const NAMES = [
  "Standard_D2s_v5",
  "Standard_D4s_v5",
  "Standard_E4s_v5",
  "Standard_D4_v5",
  "Standard_B2s",
  "Standard_F8s",
];
const FAMILIES = ["standardDSv5Family", "standardESv5Family", "standardBSFamily"];

const flag = fc.constantFrom("True", "False", undefined);
const sku = (name: string): fc.Arbitrary<Sku> =>
  fc
    .record({
      family: fc.constantFrom(...FAMILIES),
      restriction: fc.constantFrom(undefined, undefined, undefined, "Location", "Zone"),
      capabilities: fc.record({
        vCPUs: fc.constantFrom("1", "2", "4", "8", undefined),
        MemoryGB: fc.constantFrom("2", "8", "16", "0.75", undefined),
        MaxDataDiskCount: fc.constantFrom("2", "4", "16"),
        MaxNetworkInterfaces: fc.constantFrom("1", "2", "4"),
        PremiumIO: flag,
        HyperVGenerations: fc.constantFrom("V1,V2", "V1", "V2"),
        CpuArchitectureType: fc.constantFrom("x64", "Arm64"),
        DiskControllerTypes: fc.constantFrom("SCSI", "SCSI, NVMe", undefined),
        TrustedLaunchDisabled: flag,
      }),
    })
    .map(({ family, restriction, capabilities }) => ({
      resourceType: "virtualMachines",
      name,
      family,
      locationInfo: [],
      capabilities: Object.entries(capabilities).flatMap(([key, value]) =>
        value === undefined ? [] : [{ name: key, value }],
      ),
      restrictions: restriction
        ? [{ type: restriction, reasonCode: "QuotaId", restrictionInfo: { zones: ["1"] } }]
        : [],
    }));

const skus = fc.subarray(NAMES).chain((names) => fc.tuple(...names.map(sku)));
const wanted: fc.Arbitrary<Wanted> = fc.record({
  size: fc.constantFrom(...NAMES),
  like: fc.record({
    cores: fc.constantFrom(0, 1, 2, 4),
    memory: fc.constantFrom(0, 4, 8, 16),
    family: fc.constantFrom(...FAMILIES, undefined),
  }),
  needs: fc.record({
    dataDisks: fc.nat(5),
    interfaces: fc.integer({ min: 1, max: 3 }),
    diskKinds: fc.array(fc.constantFrom("Premium_LRS", "Standard_LRS"), { maxLength: 3 }),
    ultra: fc.constant(false),
    generation: fc.constantFrom("V1", "V2", undefined),
    architecture: fc.constantFrom("x64", "Arm64", undefined),
    controller: fc.constantFrom("SCSI", "NVMe", undefined),
    trustedLaunch: fc.boolean(),
    hostEncryption: fc.boolean(),
    acceleratedNetworking: fc.boolean(),
    zone: fc.constantFrom("1", "2", undefined),
  }),
  counted: fc.record({ machines: fc.constant(1), diskKinds: fc.constant([]), interfaces: fc.constant(1) }),
});
const quotas = fc.record({
  compute: fc
    .record({
      cores: fc.nat(10),
      family: fc.nat(10),
      machines: fc.nat(2),
    })
    .map((left) => [
      usage("cores", 0, left.cores),
      usage(FAMILIES[0] ?? "", 3, 3 + left.family),
      usage("virtualMachines", 5, 5 + left.machines),
    ]),
  network: fc.constant([usage("NetworkInterfaces", 0, 5)]),
});

test("every alternative starts the machine, may be had, and has room", () => {
  fc.assert(
    fc.property(wanted, skus, quotas, (what, some, room) => {
      for (const { size } of alternatives(what, offering(...some), room)) {
        const found = some.find(({ name }) => name === size);
        if (!found) throw new Error(`${size} is not on offer`);
        expect(size).not.toBe(what.size);
        expect(restrictionOf(found, what.needs.zone)).toBeUndefined();
        expect(misfits(what.needs, found).filter((code) => isError({ code, message: "" }))).toEqual([]);
        const { cores, family } = shapeOf(found);
        expect(shortages({ ...what.counted, cores, family }, room)).toEqual([]);
      }
    }),
  );
});

test("no size that would do is left out", () => {
  fc.assert(
    fc.property(wanted, skus, (what, some) => {
      const free = some.filter(
        (size) =>
          size.name !== what.size &&
          restrictionOf(size, what.needs.zone) === undefined &&
          misfits(what.needs, size).every((code) => !isError({ code, message: "" })),
      );
      const found = alternatives(what, offering(...some), {});
      expect(found.map(({ size }) => size).toSorted()).toEqual(free.map(({ name }) => name).toSorted());
    }),
  );
});

test("the order does not depend on how Azure lists them, and no smaller one comes before one that is large enough", () => {
  fc.assert(
    fc.property(wanted, skus, quotas, (what, some, room) => {
      const found = alternatives(what, offering(...some), room);
      expect(alternatives(what, offering(...some.toReversed()), room)).toEqual(found);
      const { cores, memory } = what.like;
      const smaller = found.map((one) => one.cores < cores || one.memory < memory);
      expect(smaller).toEqual(smaller.toSorted((a, b) => Number(a) - Number(b)));
    }),
  );
});

test("with less room there is never more to choose from", () => {
  fc.assert(
    fc.property(wanted, skus, quotas, (what, some, room) => {
      const all = alternatives(what, offering(...some), {});
      const found = alternatives(what, offering(...some), room);
      expect(all).toEqual(expect.arrayContaining(found));
      expect(all.filter((one) => found.some(({ size }) => size === one.size))).toEqual(found);
    }),
  );
});

test("what an earlier try holds does not stand in its own way", () => {
  fc.assert(
    fc.property(quotas, fc.nat(8), (room, cores) => {
      const mine = { machines: 1, cores, family: FAMILIES[0], diskKinds: [], interfaces: 2 };
      const after = {
        compute: room.compute.map((one) => ({
          ...one,
          used: one.used + (one.name === "virtualMachines" ? 1 : cores),
        })),
        network: room.network.map((one) => ({ ...one, used: one.used + 2 })),
      };
      expect(without(mine, after)).toEqual(room);
    }),
  );
});

const like = { cores: 2, memory: 8, family: "standardDSv5Family" };
const size = (
  name: string,
  cores: number,
  memory: number,
  family: string,
  more: Sku["restrictions"] = [],
): Sku => ({
  resourceType: "virtualMachines",
  name,
  family,
  locationInfo: [],
  capabilities: [
    { name: "vCPUs", value: String(cores) },
    { name: "MemoryGB", value: String(memory) },
  ],
  restrictions: more,
});
const facts = (change: Partial<FitFacts> = {}): FitFacts => ({
  region: "northeurope",
  size: "Standard_D2s_v5",
  like,
  needs: {
    dataDisks: 0,
    interfaces: 1,
    diskKinds: [],
    ultra: false,
    trustedLaunch: false,
    hostEncryption: false,
    acceleratedNetworking: false,
  },
  counted: { machines: 1, diskKinds: [], interfaces: 1 },
  held: { machines: 0, cores: 0, diskKinds: [], interfaces: 0 },
  quotas: {},
  ...change,
});
const REGION = [
  size("Standard_D2s_v5", 2, 8, "standardDSv5Family"),
  size("Standard_D2as_v5", 2, 8, "standardDASv5Family"),
  size("Standard_D4s_v5", 4, 16, "standardDSv5Family"),
  size("Standard_E2s_v5", 2, 16, "standardESv5Family"),
  size("Standard_B1s", 1, 1, "standardBSFamily"),
];

test("the nearest size is offered first, smaller ones last", () => {
  const restricted = REGION.with(
    0,
    size(
      "Standard_D2s_v5",
      2,
      8,
      "standardDSv5Family",
      [{ type: "Location", reasonCode: "NotAvailableForSubscription" }].map((one) => ({
        ...one,
        restrictionInfo: null,
      })),
    ),
  );
  const { problems, alternatives: found } = fitOf(facts({ offer: offering(...restricted) }));
  expect(problems).toEqual([
    {
      code: "SizeRestricted",
      message: "Standard_D2s_v5 is restricted in northeurope: NotAvailableForSubscription",
    },
  ]);
  expect(found.map((one) => one.size)).toEqual([
    "Standard_D2as_v5",
    "Standard_E2s_v5",
    "Standard_D4s_v5",
    "Standard_B1s",
  ]);
});

test("a family whose quota is used up offers none of its sizes", () => {
  const quotas = { compute: [usage("standardDSv5Family", 9, 10)] };
  const { problems, alternatives: found } = fitOf(facts({ offer: offering(...REGION), quotas }));
  expect(problems.map(({ code }) => code)).toEqual(["QuotaCores"]);
  expect(found.map((one) => one.size)).toEqual(["Standard_D2as_v5", "Standard_E2s_v5", "Standard_B1s"]);
});

test("a quota of disks is no matter of the size, and one that the machine itself uses is none at all", () => {
  const counted = { machines: 1, diskKinds: ["Premium_LRS"], interfaces: 1 };
  const quotas = { compute: [usage("PremiumDiskCount", 5, 5), usage("virtualMachines", 1, 1)] };
  const offer = offering(...REGION);
  const held = { machines: 1, cores: 2, diskKinds: [], interfaces: 0 };
  expect(fitOf(facts({ counted, quotas, offer, held }))).toMatchObject({
    problems: [{ code: "QuotaDisks" }],
    alternatives: [],
  });
  const all = { ...held, diskKinds: ["Premium_LRS"] };
  expect(fitOf(facts({ counted, quotas, offer, held: all })).problems).toEqual([]);
});

test("a disk that names no processor is started by none of another kind than its own size has", () => {
  const arm = (name: string): Sku => {
    const plain = size(name, 2, 8, "standardDPSv5Family");
    return {
      ...plain,
      capabilities: [...plain.capabilities, { name: "CpuArchitectureType", value: "Arm64" }],
    };
  };
  const offer = offering(...REGION, arm("Standard_D2ps_v5"), arm("Standard_D4ps_v5"));
  const names = (name: string) =>
    fitOf(facts({ offer, size: name }), true).alternatives.map((one) => one.size);
  expect(names("Standard_D2s_v5").filter((name) => name.includes("ps"))).toEqual([]);
  expect(names("Standard_D2ps_v5")[0]).toBe("Standard_D4ps_v5");
});

test("where nothing can be read nothing is refused", () => {
  expect(fitOf(facts())).toEqual({ problems: [], alternatives: [], accelerates: true });
});

test("a size that the region does not know is told by what it was like, or by its name", () => {
  const offer = offering(...REGION.slice(1));
  const found = (change: Partial<FitFacts>) =>
    fitOf(facts({ offer, ...change })).alternatives.map((one) => one.size);
  expect(found({})[0]).toBe("Standard_D2as_v5");
  expect(found({ size: "Standard_D4s_v4", like: undefined })[0]).toBe("Standard_D4s_v5");
});
