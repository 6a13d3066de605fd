import type { CaptureProvider } from "../engine/recovery/capture-provider.ts";
import { recoveryPolicy } from "../engine/recovery/policy.ts";
import { z } from "zod";
import type { Settings } from "./settings.ts";

/** What of the app's settings a policy depends on. */
export type PolicySettings = Pick<Settings, "agentRollout">;

/** Where the platform puts the agent before every disk, by the agent; elsewhere nothing stands before the disk that a machine boots from. */
export const defaultCapture = ({ agentRollout }: PolicySettings): CaptureProvider =>
  agentRollout === "handler" ? "nbd" : "snapshots";

/** A policy as the user gives it, with what this app does by itself where it says nothing. */
export const policyIn = (settings: PolicySettings) =>
  z.preprocess(
    (given) =>
      typeof given === "object" && given !== null ? { capture: defaultCapture(settings), ...given } : given,
    recoveryPolicy,
  );
