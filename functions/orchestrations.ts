import { type OrchestrationHandler, app } from "durable-functions";
import { captureImages } from "../orchestrations/capture-images.ts";
import { cancelFailover } from "../orchestrations/cancel-failover.ts";
import { checkpoint } from "../orchestrations/checkpoint.ts";
import { commitFailover } from "../orchestrations/commit-failover.ts";
import { disableProtection } from "../orchestrations/disable-protection.ts";
import { enableProtection } from "../orchestrations/enable-protection.ts";
import { changePoint, failover } from "../orchestrations/failover.ts";
import { groupFailover } from "../orchestrations/group-failover.ts";
import { groupPoint } from "../orchestrations/group-point.ts";
import { losses } from "../orchestrations/losses.ts";
import { recoveryPlan } from "../orchestrations/recovery-plan.ts";
import { recoveryPoint } from "../orchestrations/recovery-point.ts";
import { retain } from "../orchestrations/retain.ts";
import { replicate } from "../orchestrations/replicate.ts";
import { testFailover } from "../orchestrations/test-failover.ts";
import { testFailoverCleanup } from "../orchestrations/test-failover-cleanup.ts";
import { reverseProtection } from "../orchestrations/reverse-protection.ts";
import { verify } from "../orchestrations/verify.ts";
import { uninstallAgent } from "../orchestrations/uninstall-agent.ts";
import { upgradeAgent } from "../orchestrations/upgrade-agent.ts";
import { resync } from "../orchestrations/resync.ts";
import { ORCHESTRATION } from "./durable.ts";

/** Every orchestration by the name that it is registered under. */
export const orchestrations: Readonly<Record<string, OrchestrationHandler>> = {
  [ORCHESTRATION.capture]: captureImages,
  [ORCHESTRATION.enable]: enableProtection,
  [ORCHESTRATION.disable]: disableProtection,
  [ORCHESTRATION.failover]: failover,
  [ORCHESTRATION.testFailover]: testFailover,
  [ORCHESTRATION.testFailoverCleanup]: testFailoverCleanup,
  [ORCHESTRATION.changePoint]: changePoint,
  [ORCHESTRATION.commit]: commitFailover,
  [ORCHESTRATION.cancelFailover]: cancelFailover,
  [ORCHESTRATION.reverse]: reverseProtection,
  [ORCHESTRATION.replicate]: replicate,
  [ORCHESTRATION.recoveryPlan]: recoveryPlan,
  [ORCHESTRATION.recoveryPoint]: recoveryPoint,
  [ORCHESTRATION.groupPoint]: groupPoint,
  [ORCHESTRATION.groupFailover]: groupFailover,
  [ORCHESTRATION.checkpoint]: checkpoint,
  [ORCHESTRATION.verify]: verify,
  [ORCHESTRATION.resync]: resync,
  [ORCHESTRATION.retain]: retain,
  [ORCHESTRATION.losses]: losses,
  [ORCHESTRATION.upgradeAgent]: upgradeAgent,
  [ORCHESTRATION.uninstallAgent]: uninstallAgent,
};

for (const [name, orchestrator] of Object.entries(orchestrations)) app.orchestration(name, orchestrator);
