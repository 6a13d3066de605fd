import { fabricOf } from "../../engine/recovery/fabric.ts";
import { type ItemRecord, lastSegment } from "../../engine/recovery/item.ts";
import type { FilterField } from "./filter.ts";

/** What protected items are filtered by, in the words that ASR's clients send; `state` is ours. */
export const ITEM_FIELDS: Readonly<Record<string, FilterField<ItemRecord>>> = {
  sourcefabricname: { of: ({ id }) => lastSegment(fabricOf(id) ?? "") },
  sourcefabriclocation: { of: ({ source }) => source?.region },
  recoveryfabricname: {
    of: ({ recoveryContainerId }) => lastSegment(fabricOf(recoveryContainerId ?? "") ?? ""),
  },
  recoveryfabriclocation: { of: ({ target }) => target?.region },
  multivmgroupcreateoption: { of: ({ group }) => (group === undefined ? undefined : "UserSpecified") },
  friendlyname: { of: ({ vmId }) => lastSegment(vmId) },
  policyid: { of: ({ policyId }) => policyId },
  fabricobjectid: { of: ({ vmId }) => vmId },
  instancetype: { of: () => "A2A" },
  state: { of: ({ state }) => state },
};
