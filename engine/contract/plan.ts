import { z } from "zod";

const plannedResource = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  role: z.string(),
  /** `made`: by an earlier try of the same enablement. `named`: the caller's, and left as it is. */
  how: z.enum(["make", "made", "adopt", "named"]),
  /** The resource of the source that it is like. */
  from: z.string().nullable(),
  why: z.string(),
  /** Of a storage account that is made. */
  sku: z.string().nullable(),
  /** To a network of Leeward's that is there already: what its address space, and it, lack for this machine. */
  adds: z.object({ addressPrefixes: z.array(z.string()), subnets: z.array(z.string()) }).nullable(),
});

/** What enablement makes, adopts or takes, in the order of the making. */
export const plannedResources = z.array(plannedResource);

const finding = z.object({ code: z.string(), message: z.string(), recommendedAction: z.string() });

/** Answer of `POST {item}/leewardPlan`. */
export const plan = z.object({
  properties: z.object({
    /** Whether enablement would go on. */
    possible: z.boolean(),
    targetRegion: z.string(),
    errors: z.array(finding),
    warnings: z.array(finding),
    resources: plannedResources,
    /** As the copy gets them, which are as at the source unless something else was chosen. */
    machine: z
      .object({
        name: z.string(),
        size: z.string(),
        zone: z.string().nullable(),
        disks: z.array(z.object({ id: z.string(), name: z.string(), kind: z.string() })),
      })
      .nullable(),
    networkInterfaces: z.array(
      z.object({
        name: z.string(),
        /** Of the copy. */
        recoveryName: z.string(),
        subnet: z.string(),
        address: z.string().nullable(),
        networkSecurityGroup: z.string().nullable(),
        applicationSecurityGroups: z.array(z.string()),
      }),
    ),
    networkMappings: z.array(
      z.object({ source: z.string(), target: z.string(), subnets: z.record(z.string(), z.string()) }),
    ),
  }),
});
export type Plan = z.infer<typeof plan>;
