import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, ensured } from "./resource.ts";

const written = z.looseObject({
  properties: z.looseObject({ addressSpace: z.looseObject({ addressPrefixes: z.array(z.string()) }) }),
});

/**
 * Adds prefixes to a network's address space. Azure has no call for that alone: the network is written back as it was just
 * read, with all that others put into it, and only if nobody has changed it meanwhile.
 * @throws ArmUnavailable when somebody has
 */
export async function enlargeNetwork(
  client: ArmClient,
  network: ArmId,
  prefixes: readonly string[],
): Promise<Ensured> {
  const { body, etag } = await client.get(network);
  const found = parsed(written, body, network);
  const { addressSpace } = found.properties;
  const more = prefixes.filter((prefix) => !addressSpace.addressPrefixes.includes(prefix));
  if (more.length === 0) return { id: network };
  const addressPrefixes = [...addressSpace.addressPrefixes, ...more];
  const properties = { ...found.properties, addressSpace: { ...addressSpace, addressPrefixes } };
  const { name: _, type: __, ...rest } = found;
  const whole = writable({ ...rest, properties });
  return ensured(network, await client.put(network, whole, etag === undefined ? {} : { ifMatch: etag }));
}

/** What Azure adds to a network and everything in it, and takes from nobody. */
const READ_ONLY: ReadonlySet<string> = new Set([
  "etag",
  "provisioningState",
  "resourceGuid",
  "ipConfigurations",
  "ipConfigurationProfiles",
  "privateEndpoints",
  "resourceNavigationLinks",
  "serviceAssociationLinks",
  "purpose",
  "actions",
  "flowLogs",
  "defaultPublicNatGateway",
  "remoteVirtualNetworkEncryption",
]);

function writable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(writable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !READ_ONLY.has(name))
      .map(([name, inner]) => [name, writable(inner)]),
  );
}
