/** Regions of the box. The control plane runs in the target, never in the region that it must outlive. */
export const REGIONS = { source: "westeurope", target: "northeurope" } as const;
export const VAULT_GROUP = "leeward";
export const VAULT = "leeward-vault";
export const API_AUDIENCE = "api://leeward";
/** Resource group of the machine that there is to protect. */
export const SHOP_GROUP = "shop";
