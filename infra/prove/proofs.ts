import { z } from "zod";
import { apiVersionOf } from "../../engine/azure/api-versions.ts";
import { CALLS } from "../../engine/azure/calls.ts";
import { checkIpAddress, ensureVirtualNetwork } from "../../engine/azure/network.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { absentProof, delegationProof, importProof, uploadProof } from "./disk-proofs.ts";
import { machineProof } from "./machine-proof.ts";
import { type Proof, inGroup, settled } from "./proving.ts";

const provider = z.object({
  resourceTypes: z.array(z.object({ resourceType: z.string(), apiVersions: z.array(z.string()) })),
});

/** `["Microsoft.Compute", "disks", "2024-03-02"]` for each type that the app calls. */
export function pinnedTypes(): [string, string, string][] {
  const found = CALLS.flatMap(({ call }): [string, string, string][] => {
    const [, at = ""] = call.split(" ");
    // The last: a lock of a machine is Authorization's.
    const owned = at.split("/providers/").slice(1).at(-1);
    const [namespace = "", type = ""] = owned?.split("/") ?? ["Microsoft.Resources", "resourceGroups"];
    return type && type !== "locations" ? [[namespace, type, apiVersionOf(at)]] : [];
  });
  return [...new Map(found.map((one) => [one.join("/"), one])).values()];
}

const versions: Proof = {
  name: "every version that Leeward speaks is still served",
  call: "GET /subscriptions/{subscription}/providers/{namespace}",
  async prove({ arm, subscription }) {
    const missing: string[] = [];
    const pinned = pinnedTypes();
    for (const namespace of new Set(pinned.map(([first]) => first))) {
      const { body } = await arm.get(`/subscriptions/${subscription}/providers/${namespace}`);
      const { resourceTypes } = provider.parse(body);
      for (const [, type, version] of pinned.filter(([first]) => first === namespace)) {
        const known = resourceTypes.find((one) => one.resourceType.toLowerCase() === type.toLowerCase());
        if (!known?.apiVersions.includes(version)) missing.push(`${namespace}/${type}@${version}`);
      }
    }
    if (missing.length > 0) throw new Error(`not served: ${missing.join(", ")}`);
    return `${pinned.length} types`;
  },
};

const addresses: Proof = {
  name: "an address is said to be free, and one outside the network is not",
  call: "GET virtualNetworks/{network}/CheckIPAddressAvailability",
  async prove(proving) {
    const { arm, region } = proving;
    const id = inGroup(proving, "Microsoft.Network/virtualNetworks", "network");
    const subnets = [{ name: "default", addressPrefix: "10.199.0.0/24" }];
    const space = { location: region, addressPrefixes: ["10.199.0.0/16"], subnets };
    const owner = { machine: "shared", role: "proof" } as const;
    await settled(proving, await ensureVirtualNetwork(arm, { id, owner, ...space }));
    if (!(await checkIpAddress(arm, id, "10.199.0.20")).available) throw new Error("10.199.0.20 is not free");
    return checkIpAddress(arm, id, "192.168.7.7").then(
      ({ available }) => {
        if (available) throw new Error("192.168.7.7, which is not in the network, is said to be free");
        return "outside: not available";
      },
      (error: unknown) => `outside: ${messageOf(error).slice(0, 120)}`,
    );
  },
};

const deployed: Proof = {
  name: "the deployed app is well, and takes no call without a token",
  call: "GET {endpoint}/health, POST {endpoint}/agents/nobody/heartbeat without a token",
  async prove({ endpoint }) {
    if (endpoint === undefined) throw new Error("no --endpoint was given");
    const health = await fetch(`${endpoint}/health`);
    if (health.status !== 200) throw new Error(`/health answered ${health.status}`);
    const bare = await fetch(`${endpoint}/agents/nobody/heartbeat`, { method: "POST", body: "{}" });
    if (bare.status !== 401) throw new Error(`a call without a token was answered ${bare.status}`);
    return (await health.text()).slice(0, 120);
  },
};

/** What a program can find out by itself; the rest of docs/unproven.md is for people. */
export const PROOFS: readonly Proof[] = [
  versions,
  addresses,
  uploadProof,
  absentProof,
  importProof,
  delegationProof,
  machineProof,
];
export const proofsFor = (endpoint: string | undefined): readonly Proof[] =>
  endpoint === undefined ? PROOFS : [...PROOFS, deployed];
