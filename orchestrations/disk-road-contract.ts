import type { ArmSent, AtPoint, DiskAtPoint, Does } from "./contract.ts";

/** Those of disks that are made in one of two ways: imported from the replica, or rebuilt from the journal. */
export interface DiskRoadActivities {
  /** Deletes a disk that an earlier try made in the other way, and that no machine has; of an import its blob as well. */
  clearDisk: Does<DiskAtPoint & { readonly road: "import" | "upload" }, ArmSent>;
  /** Notes why nothing could be imported: whoever tries again rebuilds from the journal as well. */
  giveUpImport: Does<AtPoint & { readonly why: string }>;
}
