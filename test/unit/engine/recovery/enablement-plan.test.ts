import fc from "fast-check";
import { expect, test } from "vitest";
import { type ArmId, armId } from "../../../../engine/core/ids.ts";
import { GIB, bytes, diskIndex } from "../../../../engine/core/units.ts";
import { KINDS, type Present, copyOwner } from "../../../../engine/recovery/copy-name.ts";
import {
  type PlanFacts,
  type SourceNetwork,
  planEnablement,
} from "../../../../engine/recovery/enablement-plan.ts";
import { type SourceMachine, lastSegment } from "../../../../engine/recovery/item.ts";
import { type NetworkMapping, mappedSubnet, wayBack } from "../../../../engine/recovery/network-mapping.ts";
import { ownershipTags } from "../../../../engine/core/owner.ts";
import { WISH } from "./fixture.ts";

const id = (group: string, type: string, name: string) =>
  armId(`/subscriptions/s/resourceGroups/${group}/providers/${type}/${name}`);
const networkId = (group: string, name: string) => id(group, "Microsoft.Network/virtualNetworks", name);
const rulesId = (name: string) => id("shop", "Microsoft.Network/networkSecurityGroups", name);

const source = (nics: SourceMachine["nics"]): SourceMachine => ({
  region: "westeurope",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "p",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics,
  disks: [
    {
      index: diskIndex(0),
      id: id("shop", "Microsoft.Compute/disks", "os"),
      name: "os",
      size: bytes(GIB),
      sku: "Premium_LRS",
      caching: "None",
      osType: "Linux",
    },
  ],
});

const facts = (change: Partial<PlanFacts>): PlanFacts => ({
  item: WISH,
  source: source([]),
  region: "northeurope",
  networks: [],
  named: () => [],
  mapping: () => undefined,
  there: () => undefined,
  ...change,
});

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,78}[A-Za-z0-9_]$/);
/** Networks of any names in two groups, each with its subnets, and machines whose NICs are in any of them. */
const world = fc
  .uniqueArray(
    fc.record({
      group: fc.constantFrom("shop", "annex"),
      name: name.map((text) => text.slice(0, 64)),
      subnets: fc.uniqueArray(fc.record({ name, rules: fc.option(name, { nil: undefined }) }), {
        minLength: 1,
        maxLength: 5,
        selector: (one) => one.name.toLowerCase(),
      }),
    }),
    { minLength: 1, maxLength: 4, selector: (one) => `${one.group}/${one.name}`.toLowerCase() },
  )
  .chain((networks) =>
    fc.record({
      networks: fc.constant(networks),
      nics: fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 6 }),
    }),
  )
  .map(({ networks, nics }) => {
    const made = networks.map((one): SourceNetwork => ({
      id: networkId(one.group, one.name),
      addressPrefixes: ["10.0.0.0/16"],
      subnets: one.subnets.map((subnet, at) => ({
        name: subnet.name,
        prefixes: [`10.0.${at}.0/24`],
        ...(subnet.rules && { networkSecurityGroup: rulesId(subnet.rules) }),
      })),
    }));
    const placed = nics.flatMap(([a, b], at) => {
      const network = made[a % made.length];
      const subnet = network?.subnets[b % network.subnets.length];
      return network && subnet
        ? [
            {
              name: `nic${at}`,
              primary: at === 0,
              subnet: subnet.name,
              network: network.id,
              acceleratedNetworking: false,
            },
          ]
        : [];
    });
    const used = made.filter((one) => placed.some(({ network }) => network === one.id));
    return { source: source(placed), networks: used };
  });

const networkOf = (id: ArmId, ...subnets: readonly string[]): SourceNetwork => ({
  id,
  addressPrefixes: ["10.0.0.0/16"],
  subnets: subnets.map((subnet, at) => ({ name: subnet, prefixes: [`10.0.${at}.0/24`] })),
});

/** As if the plan had been carried out. */
function carriedOut(plan: ReturnType<typeof planEnablement>, networks: readonly SourceNetwork[]) {
  const there = new Map<string, Present>();
  for (const { id: made, from } of plan.networks) {
    const subnets = networks.find((one) => one.id === from)?.subnets.map((one) => one.name) ?? [];
    there.set(made.toLowerCase(), { tags: ownershipTags(copyOwner(KINDS.network, from)), subnets });
  }
  for (const { id: made, from } of plan.securityGroups)
    there.set(made.toLowerCase(), { tags: ownershipTags(copyOwner(KINDS.securityGroup, from)) });
  const rows = new Map(plan.mappings.map((row) => [row.source, row]));
  return {
    there: (one: ArmId) => there.get(one.toLowerCase()),
    mapping: (one: ArmId): NetworkMapping | undefined => rows.get(one),
  };
}

test("every NIC has a place, no two networks share one, and every name is legal", () => {
  fc.assert(
    fc.property(world, (one) => {
      const plan = planEnablement(facts(one));
      expect(plan.problems).toEqual([]);
      expect(plan.target.nics).toHaveLength(one.source.nics.length);
      for (const nic of plan.target.nics ?? [])
        expect(plan.networks.some((network) => nic.subnet.startsWith(`${network.id}/subnets/`))).toBe(true);
      for (const copies of [plan.networks, plan.securityGroups])
        expect(new Set(copies.map(({ id: made }) => made.toLowerCase())).size).toBe(copies.length);
      for (const { id: made, role } of plan.resources.filter(({ how }) => how === "make")) {
        const most = Object.values(KINDS).find((kind) => kind.role === role)?.most ?? 90;
        expect(lastSegment(made).length).toBeLessThanOrEqual(most);
      }
    }),
  );
});

test("what was made is found again: the second plan makes nothing and puts every NIC where the first did", () => {
  fc.assert(
    fc.property(world, (one) => {
      const first = planEnablement(facts(one));
      const done = carriedOut(first, one.networks);
      const second = planEnablement(facts({ ...one, ...done }));
      expect(second.target.nics).toEqual(first.target.nics);
      expect(second.networks.map(({ how }) => how)).not.toContain("make");
      expect(second.mappings).toEqual([]);
    }),
  );
});

test("a name that stands for another source, or is nobody's we know, is passed by", () => {
  const [here, there] = [networkId("shop", "net"), networkId("annex", "net")];
  const plain = networkId("shop-recovery", "net-recovery");
  const ofAnother = { tags: ownershipTags(copyOwner(KINDS.network, there)) };
  const nic = { name: "n", primary: true, subnet: "a", network: here, acceleratedNetworking: false };
  const one = { source: source([nic]), networks: [networkOf(here, "a")] };
  const made = (found: Present | undefined) =>
    planEnablement(facts({ ...one, there: (id) => (lastSegment(id) === "net-recovery" ? found : undefined) }))
      .networks[0]?.id ?? "";
  expect(lastSegment(made(undefined))).toBe(lastSegment(plain));
  for (const found of [ofAnother, { tags: {} }])
    expect(lastSegment(made(found))).toMatch(/^net-[0-9a-f]{8}-recovery$/);
});

test("a copy that is there gets what it lacks for the machine, which the plan says; one that is made, or somebody's, nothing", () => {
  const here = networkId("shop", "net");
  const nic = { name: "n", primary: true, subnet: "b", network: here, acceleratedNetworking: false };
  const one = { source: source([nic]), networks: [networkOf(here, "a", "b")] };
  const tags = ownershipTags(copyOwner(KINDS.network, here));
  const addsWith = (found: Present | undefined, change: Partial<PlanFacts> = {}) =>
    planEnablement(
      facts({ ...one, there: (id) => (lastSegment(id) === "net-recovery" ? found : undefined), ...change }),
    ).resources.find(({ role }) => role === "network")?.adds;
  const space = { addressPrefixes: ["10.9.0.0/16"], subnetNames: ["a"] };
  expect(addsWith({ tags, space })).toEqual({ addressPrefixes: ["10.0.0.0/16"], subnets: ["b"] });
  expect(addsWith({ tags, space: { ...space, addressPrefixes: ["10.0.0.0/16"] } })).toEqual({
    addressPrefixes: [],
    subnets: ["b"],
  });
  expect(addsWith({ tags, space: { ...space, subnetNames: ["A", "B"] } })).toBeUndefined();
  expect(addsWith(undefined)).toBeUndefined();
  const named = { ...WISH, request: { ...WISH.request, network: networkId("x", "net-recovery") } };
  expect(addsWith({ tags: {}, subnets: ["b"], space }, { item: named })).toBeUndefined();
});

test("in a network that the caller named, a NIC goes to the subnet of its name, or else to the first one", () => {
  const here = networkId("shop", "net");
  const hall = networkId("other", "hall");
  const nic = (subnet: string, at: number) => ({
    name: `n${at}`,
    primary: at === 0,
    subnet,
    network: here,
    acceleratedNetworking: false,
  });
  const request = { ...WISH.request, network: hall };
  const plan = planEnablement(
    facts({
      item: { ...WISH, request },
      source: source(["b", "zzz"].map(nic)),
      networks: [networkOf(here, "b", "zzz")],
      there: (one) => (one === hall ? { tags: {}, location: "northeurope", subnets: ["b", "a"] } : undefined),
    }),
  );
  expect(plan.target.nics?.map(({ subnet }) => lastSegment(subnet))).toEqual(["b", "a"]);
  expect(plan.problems).toEqual([]);
  expect(plan.securityGroups).toEqual([]);
});

test("the way back of a mapping leads each subnet home, whatever the names", () => {
  fc.assert(
    fc.property(fc.dictionary(name, name), (subnets) => {
      const row: NetworkMapping = {
        format: 1,
        name: "m",
        source: networkId("a", "x"),
        target: networkId("b", "y"),
        subnets,
        by: "enablement",
      };
      const back = wayBack(row);
      expect([back.source, back.target]).toEqual([row.target, row.source]);
      for (const to of Object.values(subnets))
        expect(subnets[mappedSubnet(back, to)]?.toLowerCase()).toBe(to.toLowerCase());
    }),
  );
});
