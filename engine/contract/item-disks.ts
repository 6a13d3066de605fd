import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { managedDisk } from "./enable-protection.ts";
import { armIdField, sparse } from "./field.ts";
import { notHere, unmanagedDisks } from "./refused-field.ts";

const details = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object({
    properties: z.object({
      providerSpecificDetails: sparse(z.object({ instanceType: z.literal("A2A"), ...shape })),
    }),
  });

/** Body of `POST …/addDisks`: ASR's AddDisksInput for Azure to Azure. */
export const addDisksRequest = details({
  vmManagedDisks: z.array(managedDisk).min(1).max(MOST_DISKS),
  vmDisks: unmanagedDisks,
});
export type AddedDisk = z.output<typeof managedDisk>;

/** Body of `POST …/removeDisks`: ASR's RemoveDisksInput for Azure to Azure. */
export const removeDisksRequest = details({
  vmManagedDisksIds: z.array(armIdField).min(1).max(MOST_DISKS),
  vmDisksUris: notHere("it has managed disks: name those (vmManagedDisksIds)"),
});
