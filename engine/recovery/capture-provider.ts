import { z } from "zod";

/**
 * Where a machine's journal comes from. Everything behind it is the same for all: segments in order, barriers, digests.
 * A further one needs its name here, and its beginning in `orchestrations/capture.ts`, without which nothing compiles.
 *
 * - `nbd`: the disks are reached through the agent; every write.
 * - `snapshots`: no agent; incremental snapshots of managed disks, minutes apart, and what differs between them.
 */
export const captureProvider = z.enum(["nbd", "snapshots"]);
export type CaptureProvider = z.infer<typeof captureProvider>;
