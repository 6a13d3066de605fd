import { z } from "zod";
import { CLOUDS } from "../../engine/azure/cloud.ts";

const options = z.object({
  subscription: z.guid(),
  region: z.string().regex(/^[a-z0-9]+$/),
  cloud: z.enum(["public", "usGovernment", "china"]).default("public"),
  endpoint: z.url({ protocol: /^https$/ }).optional(),
  confirm: z.string().optional(),
});

export interface Wish {
  readonly subscription: string;
  readonly region: string;
  readonly cloud: keyof typeof CLOUDS;
  readonly endpoint?: string;
}

/** What was asked for, or why nothing is done. */
export function wishOf(values: Readonly<Record<string, string | undefined>>): Wish | string {
  const found = options.safeParse(values);
  if (!found.success)
    return `${z.prettifyError(found.error)}\n\nnpm run prove:azure -- --subscription ID --region NAME --confirm ID [--cloud public|usGovernment|china] [--endpoint URL]`;
  const { subscription, region, cloud, endpoint, confirm } = found.data;
  if (confirm !== subscription)
    return `This makes a resource group leeward-proof-… in ${region} of subscription ${subscription}, with three small disks, a network and a storage
account, as whoever is signed in, and deletes it in the end. It costs some cents. To do it, add --confirm ${subscription}`;
  return {
    subscription,
    region,
    cloud,
    ...(endpoint !== undefined && { endpoint: endpoint.replace(/\/$/, "") }),
  };
}
