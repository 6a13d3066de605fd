import type { EligibilityResults } from "../engine/contract/eligibility.ts";
import { type ArmId, armId } from "../engine/core/ids.ts";
import { captureProvider } from "../engine/recovery/capture-provider.ts";
import { checked } from "../engine/core/schema.ts";
import { judge } from "../engine/eligibility/verdict.ts";
import { FINDINGS, type Found, isError } from "../engine/recovery/findings.ts";
import { z } from "zod";
import { type Call, checkInput, route } from "./http.ts";
import { machineIn } from "./paths.ts";
import { survey } from "./survey.ts";

const path =
  "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{machine}/providers/Microsoft.RecoveryServices/replicationEligibilityResults";
const read = { method: "GET", role: "Reader", versioned: true } as const;

route("getEligibility", { ...read, path: `${path}/default` }, async (call) => ({
  jsonBody: await resultsFor(call),
}));

route("listEligibility", { ...read, path }, async (call) => ({
  jsonBody: { value: [await resultsFor(call)] },
}));

/** What enablement would be asked for, as far as it is known yet. */
const query = z.object({
  leewardResourceGroup: z.string().transform(checked(armId)).optional(),
  leewardReplica: z.enum(["warm", "none"]).default("warm"),
  leewardCapture: captureProvider.optional(),
});

/** Read anew each time; nothing is changed by it. */
async function resultsFor(call: Call): Promise<EligibilityResults> {
  const vmId = machineIn(call.request);
  const asked = checkInput(query, Object.fromEntries(call.request.query));
  const { leewardResourceGroup: resourceGroup, leewardReplica, leewardCapture: capture } = asked;
  const request = { ...(resourceGroup && { resourceGroup }) };
  const found = judge(
    await survey(call.services, { vmId, request, warm: leewardReplica === "warm", capture }),
  );
  return view(vmId, found, call);
}

function view(vmId: ArmId, found: readonly Found[], { request, services }: Call): EligibilityResults {
  const errors = found.filter(isError);
  return {
    id: `${vmId}/providers/Microsoft.RecoveryServices/replicationEligibilityResults/default`,
    name: "default",
    type: "Microsoft.RecoveryServices/replicationEligibilityResults",
    properties: {
      clientRequestId: request.headers.get("x-ms-client-request-id"),
      errors: errors.map(entry),
      leeward: {
        eligible: errors.length === 0,
        targetRegion: services.settings.region,
        warnings: found.filter((one) => !isError(one)).map(entry),
      },
    },
  };
}

const entry = ({ code, message }: Found) => ({
  code,
  message,
  possibleCauses: FINDINGS[code].causes,
  recommendedAction: FINDINGS[code].remedy,
  status: FINDINGS[code].level,
});
