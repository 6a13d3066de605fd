import { createHash } from "node:crypto";
import type { ArmId } from "../core/ids.ts";

/** Under which the record of a vault's resource is found, whatever the casing of its id. */
export const resourceKey = (id: ArmId): string =>
  createHash("sha256").update(id.toLowerCase()).digest("hex").slice(0, 32);
