import { type Sku, capability } from "../../engine/azure/sku.ts";
import { findItem } from "../find-item.ts";
import { route } from "../http.ts";
import { PATHS, itemIn } from "../paths.ts";
import { pageOf } from "./paging.ts";

const path = `${PATHS.item}/targetComputeSizes`;

/** What the target region offers to the subscription of the machine. */
route("listTargetSizes", { method: "GET", path, role: "Reader", versioned: true }, async (call) => {
  const { services, request } = call;
  const item = await findItem(services, itemIn(request));
  const [, , subscription = ""] = item.request.resourceGroup.split("/");
  const { sizes } = await services.offerOf(subscription, services.settings.region);
  return pageOf(
    call,
    [...sizes.values()],
    ({ name }) => name,
    (size) => view(`${item.id}/targetComputeSizes/${size.name}`, size),
  );
});

function view(id: string, size: Sku) {
  const number = (name: string) => Number(capability(size, name) ?? 0);
  return {
    id,
    name: size.name,
    type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectedItems/targetComputeSizes",
    properties: {
      name: size.name,
      friendlyName: size.name,
      cpuCoresCount: number("vCPUs"),
      vCPUsAvailable: number("vCPUsAvailable") || number("vCPUs"),
      memoryInGB: number("MemoryGB"),
      maxDataDiskCount: number("MaxDataDiskCount"),
      maxNicsCount: number("MaxNetworkInterfaces"),
      errors: size.restrictions.some(({ type }) => type === "Location")
        ? [{ message: "cannot be had in this region by this subscription", severity: "Error" }]
        : [],
      highIopsSupported: capability(size, "PremiumIO") === "True" ? "Yes" : "No",
      hyperVGenerations: (capability(size, "HyperVGenerations") ?? "").split(",").filter(Boolean),
    },
  };
}
