import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import { judgeProtected, unprotectedDisks } from "../engine/eligibility/verdict.ts";
import type { Found } from "../engine/recovery/findings.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { withFound, withProblem } from "../engine/recovery/readiness.ts";
import type { Services } from "./services.ts";
import { survey } from "./survey.ts";
import { placementNow } from "./target-placement.ts";

/** May run twice. What fails is noted in the record, and tried again sooner. */
export async function checkReadiness(
  found: Pick<Services, "arm" | "settings" | "offerOf" | "records" | "clock">,
  item: ItemRecord,
): Promise<void> {
  const { machine } = item;
  const note = (change: Parameters<typeof found.records.readiness.upsert>[1]) =>
    found.records.readiness.upsert(machine, change);
  try {
    const { judged, unprotected } = await look(found, item);
    await note((old) => withFound(old, machine, judged, found.clock.now(), unprotected));
  } catch (error) {
    const { code, message } =
      error instanceof LeewardError ? error : new LeewardError("Unexpected", messageOf(error));
    await note((old) => withProblem(old, machine, { code, message }, found.clock.now()));
  }
}

async function look(found: Parameters<typeof checkReadiness>[0], item: ItemRecord) {
  const { vmId, request, source, target, policy } = item;
  if (!source) return { judged: [] };
  // Quotas and kinds are of the protected disks only.
  const disks = source.disks.map(({ id }) => id);
  try {
    const seen = await survey(found, {
      vmId,
      request: { ...request, ...placementNow(item), size: target?.size ?? request.size, disks },
      warm: policy.replica === "warm",
      capture: policy.capture,
    });
    return {
      judged: judgeProtected(seen, source, request.disks === undefined),
      unprotected: unprotectedDisks(seen.machine, source).map(({ lun }) => lun),
    };
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
    const gone: Found = { code: "SourceGone", message: `there is no virtual machine ${vmId}` };
    return { judged: [gone] };
  }
}
