import { z } from "zod";
import { parsed } from "../engine/azure/arm-failure.ts";
import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { type Call, route } from "./http.ts";
import { PATHS } from "./paths.ts";

const path = `${PATHS.vault}/leewardProtectableMachines`;

/** The subscription's virtual machines outside the target region, and whether each is protected already. */
route("listProtectableMachines", { method: "GET", path, role: "Reader", versioned: true }, async (call) => {
  const items: ItemRecord[] = [];
  for await (const item of call.services.records.items.list()) items.push(item);
  const { region } = call.services.settings;
  const value = [];
  for await (const vm of machines(call))
    if (vm.location.toLowerCase() !== region)
      value.push(
        view(
          vm,
          items.find(({ vmId }) => sameArmId(vmId, vm.id)),
        ),
      );
  return { jsonBody: { value, nextLink: null } };
});

const machine = z.object({
  id: z.string(),
  name: z.string(),
  location: z.string(),
  properties: z.object({ hardwareProfile: z.object({ vmSize: z.string() }) }),
});
async function* machines({ services, param }: Call): AsyncGenerator<z.infer<typeof machine>> {
  const path = `/subscriptions/${encodeURIComponent(param("subscription"))}/providers/Microsoft.Compute/virtualMachines`;
  try {
    for await (const found of services.arm.list(path)) yield parsed(machine, found, path);
  } catch (error) {
    throw hasCode(error, "ArmFailed") && NO_SUBSCRIPTION.test(messageOf(error))
      ? new LeewardError("NotFound", messageOf(error), error)
      : error;
  }
}

/** What Azure says of a subscription that the caller's path made up: his fault, not Azure's. */
const NO_SUBSCRIPTION = / 40[04] (?:SubscriptionNotFound|InvalidSubscriptionId):/;

const view = (vm: z.infer<typeof machine>, item: ItemRecord | undefined) => ({
  id: vm.id,
  name: vm.name,
  properties: {
    location: vm.location,
    vmSize: vm.properties.hardwareProfile.vmSize,
    protectedItemId: item?.id ?? null,
  },
});
