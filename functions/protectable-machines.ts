import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { type Call, route } from "./http.ts";
import { PATHS } from "./paths.ts";
import type { Services } from "./services.ts";

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
const page = z.object({ value: z.array(machine), nextLink: z.string().nullish() });

async function* machines({ services, param }: Call): AsyncGenerator<z.infer<typeof machine>> {
  const first = `/subscriptions/${encodeURIComponent(param("subscription"))}/providers/Microsoft.Compute/virtualMachines`;
  for (let next: string | undefined = first; next;) {
    const found: z.infer<typeof page> = await getPage(services, next);
    yield* found.value;
    next = found.nextLink ?? undefined;
  }
}

/** Follows ARM's own links only. @throws ArmFailed for an answer of another shape, or a link elsewhere */
async function getPage({ arm }: Services, link: string): Promise<z.infer<typeof page>> {
  const url = new URL(link, arm.endpoint);
  if (url.origin !== arm.endpoint)
    throw new LeewardError("ArmFailed", `refused to follow a link to ${url.origin}`);
  const { body } = await arm.get(url.pathname, { query: Object.fromEntries(url.searchParams) });
  const found = page.safeParse(body);
  if (!found.success) throw new LeewardError("ArmFailed", `${url.pathname}: ${z.prettifyError(found.error)}`);
  return found.data;
}

const view = (vm: z.infer<typeof machine>, item: ItemRecord | undefined) => ({
  id: vm.id,
  name: vm.name,
  properties: {
    location: vm.location,
    vmSize: vm.properties.hardwareProfile.vmSize,
    protectedItemId: item?.id ?? null,
  },
});
