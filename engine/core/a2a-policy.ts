import { z } from "zod";

const minutes = (most: number) => z.number().int().min(0).max(most);

/** What of a policy Azure Site Recovery knows, for Azure to Azure: minutes. */
export const a2aPolicy = z.object({
  /** For how long points are kept; 0 keeps the newest one. */
  recoveryPointHistory: minutes(60 * 24 * 366),
  crashConsistentFrequencyInMinutes: z.number().int().min(1).max(1440),
  /** 0 makes none. */
  appConsistentFrequencyInMinutes: minutes(60 * 24 * 7),
  /** Shown as it was given: machines of one group have common points whatever it says. */
  multiVmSyncStatus: z.enum(["Enable", "Disable"]),
});
export type A2aPolicy = z.infer<typeof a2aPolicy>;
