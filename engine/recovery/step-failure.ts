import { z } from "zod";

/** Why a job, a test or a drill failed, and at which step. */
export const stepFailure = z.object({ code: z.string(), message: z.string(), step: z.string() });
