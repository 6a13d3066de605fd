import { z } from "zod";
import { armId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

const arm = z.string().transform(checked(armId));

/**
 * Where machines of a container go, and by which policy. Of one direction. Kind `containerMapping`, by `resourceKey`.
 */
export const containerMappingRecord = z.object({
  format: z.literal(1),
  /** Below the source container. */
  id: arm,
  policy: arm,
  target: arm,
  /** Kept and shown; Leeward's agents are upgraded when somebody asks for it. */
  agentAutoUpdateStatus: z.enum(["Enabled", "Disabled"]),
  automationAccountArmId: z.string().optional(),
  automationAccountAuthenticationType: z.enum(["RunAsAccount", "SystemAssignedIdentity"]),
});
export type ContainerMappingRecord = z.infer<typeof containerMappingRecord>;
