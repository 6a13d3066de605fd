import type { Plan } from "../engine/contract/plan.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import type { PlannedResource } from "../engine/recovery/plan-record.ts";

export const viewResources = (resources: readonly PlannedResource[]): Plan["properties"]["resources"] =>
  resources.map(({ id, role, how, from, why, sku, adds }) => ({
    id,
    name: lastSegment(id),
    type: typeOf(id),
    role,
    how,
    from: from ?? null,
    why,
    sku: sku ?? null,
    adds: adds ?? null,
  }));

const typeOf = (id: string): string =>
  /\/providers\/([^/]+\/[^/]+)\/[^/]*$/i.exec(id)?.[1] ?? "Microsoft.Resources/resourceGroups";
