import type { MachineMetrics } from "../engine/contract/metrics.ts";
import { type ItemRecord, inVault } from "../engine/recovery/item.ts";
import { isGivenAway } from "../engine/recovery/reversal.ts";
import { metricsOf } from "./machine-metrics.ts";
import { findItem } from "./find-item.ts";
import { route } from "./http.ts";
import { PATHS, itemIn, vaultIn } from "./paths.ts";
import type { Services } from "./services.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;

route("itemMetrics", { ...read, path: `${PATHS.item}/leewardMetrics` }, async ({ services, request }) => ({
  jsonBody: await measure(services, await findItem(services, itemIn(request))),
}));

route("vaultMetrics", { ...read, path: `${PATHS.vault}/leewardMetrics` }, async ({ services, request }) => {
  const vault = vaultIn(request);
  const value: MachineMetrics[] = [];
  for await (const item of services.records.items.list())
    if (inVault(item, vault) && !isGivenAway(item)) value.push(await measure(services, item));
  return { jsonBody: { value, nextLink: null } };
});

/** The machine's figures, read from its records now. */
export async function measure({ records, clock }: Services, item: ItemRecord): Promise<MachineMetrics> {
  const [agent, progress, verification] = await Promise.all([
    records.agents.get(item.machine),
    records.progress.get(item.machine),
    records.verification.get(item.machine),
  ]);
  const known = {
    item,
    agent: agent?.value,
    progress: progress?.value,
    verification: verification?.value,
  };
  return metricsOf(known, clock.now());
}
