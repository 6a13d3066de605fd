import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { type Ensured, type Owner, ensure, read, resource } from "./resource.ts";

const availabilitySet = resource.extend({
  properties: z.object({
    platformFaultDomainCount: z.number().int(),
    platformUpdateDomainCount: z.number().int(),
    virtualMachines: z.array(z.object({ id: z.string() })).default([]),
  }),
});
export type AvailabilitySet = z.infer<typeof availabilitySet>;

export interface AvailabilitySetSpec {
  readonly id: ArmId;
  readonly location: string;
  /** Cannot change later. */
  readonly faultDomains: number;
  readonly updateDomains: number;
  readonly proximityPlacementGroup?: ArmId | undefined;
  readonly owner: Owner;
}

/** `Aligned` is the only kind that takes VMs with managed disks. */
export const availabilitySetBody = (spec: AvailabilitySetSpec) => ({
  location: spec.location,
  sku: { name: "Aligned" },
  properties: {
    platformFaultDomainCount: spec.faultDomains,
    platformUpdateDomainCount: spec.updateDomains,
    ...(spec.proximityPlacementGroup && { proximityPlacementGroup: { id: spec.proximityPlacementGroup } }),
  },
});

export const ensureAvailabilitySet = (client: ArmClient, spec: AvailabilitySetSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: availabilitySetBody(spec), again: "keep" });

export const getAvailabilitySet = (client: ArmClient, id: ArmId): Promise<AvailabilitySet> =>
  read(client, id, availabilitySet);
