import { z } from "zod";
import { checked } from "../core/schema.ts";
import { armId } from "../core/ids.ts";

const arm = z.string().transform(checked(armId));

/** One address of a network interface. */
const sourceAddress = z.object({
  /** Of its configuration. */
  name: z.string(),
  primary: z.boolean(),
  version: z.enum(["IPv4", "IPv6"]),
  address: z.string().optional(),
  /** It was asked for; otherwise the subnet gave it. Older records lack it. */
  fixed: z.boolean().optional(),
});
export type SourceAddress = z.infer<typeof sourceAddress>;

/** The first of a machine's is its primary one. */
export const sourceNic = z.object({
  name: z.string(),
  /** Older records lack it. */
  id: arm.optional(),
  primary: z.boolean(),
  privateAddress: z.string().optional(),
  subnet: z.string(),
  /** Older records lack it: it is that of all. */
  network: arm.optional(),
  networkSecurityGroup: arm.optional(),
  applicationSecurityGroups: z.array(arm).optional(),
  acceleratedNetworking: z.boolean(),
  /** All of its addresses, in order; records of an older Leeward have the first only, as `privateAddress`. */
  addresses: z.array(sourceAddress).optional(),
  ipForwarding: z.boolean().optional(),
  /** None of its own: those of the network. */
  dnsServers: z.array(z.string()).optional(),
});
export type SourceNic = z.infer<typeof sourceNic>;

/** The primary one first. Older records have that one alone. */
export const addressesOf = ({ addresses, privateAddress: address }: SourceNic): readonly SourceAddress[] =>
  addresses ?? [{ name: "primary", primary: true, version: "IPv4", address }];
