import { findVirtualNetwork } from "../engine/azure/network.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { ArmId } from "../engine/core/ids.ts";
import { isReserved } from "../engine/recovery/reserved-subnet.ts";
import type { Services } from "./services.ts";

/**
 * Names of the subnets of a network that a request names, without Azure's own.
 * @param field where it is named, for who reads the error
 * @throws InvalidRequest for a network that is not there, or is in another region
 */
export async function subnetsOf(
  { arm }: Pick<Services, "arm">,
  network: ArmId,
  region: string,
  field: string,
): Promise<string[]> {
  const refused = (why: string) => new LeewardError("InvalidRequest", `${field}: ${network} ${why}`);
  if (!/\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+$/i.test(network))
    throw refused("is no virtual network");
  const found = await findVirtualNetwork(arm, network);
  if (!found) throw refused("is not there");
  if (found.location.toLowerCase() !== region.toLowerCase())
    throw refused(`is in ${found.location}, not in ${region}`);
  return found.properties.subnets.map(({ name }) => name).filter((name) => !isReserved(name));
}
