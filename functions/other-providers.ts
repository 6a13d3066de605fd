import { discoverRequest, switchProviderRequest } from "../engine/contract/other-providers.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { lastSegment, vaultOf } from "../engine/recovery/item.ts";
import { findItem } from "./find-item.ts";
import { bodyOf, route } from "./http.ts";
import { PATHS, containerIn, itemIn } from "./paths.ts";
import { containerIn as containerOf, inventoryOf } from "./vault/inventory.ts";

/*
 * Two calls of ASR that belong to machines of VMware: what they would change is not there for a machine of Azure. They are
 * refused with the reason, once what they name is known.
 */

const posted = { method: "POST", role: "Operator", versioned: true } as const;

route("switchProvider", { ...posted, path: `${PATHS.item}/switchProvider` }, async (call) => {
  const { properties } = await bodyOf(call.request, switchProviderRequest);
  const { id, policy } = await findItem(call.services, itemIn(call.request));
  const wanted = properties.targetInstanceType ?? "another provider";
  throw new LeewardError(
    "StateNotAllowed",
    `${lastSegment(id)} goes from Azure to Azure (A2A) and cannot change to ${wanted}; how its disks are captured (${policy.capture}) is chosen when it is enabled`,
  );
});

route(
  "discoverProtectableItem",
  { ...posted, path: `${PATHS.container}/discoverProtectableItem` },
  async (call) => {
    await bodyOf(call.request, discoverRequest);
    const id = containerIn(call.request);
    const container = containerOf(await inventoryOf(call.services, vaultOf(id)), id);
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(container)} is of machines of Azure, which need not be announced: GET replicationProtectableItems lists them`,
    );
  },
);
