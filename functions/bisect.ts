import { bisectRequest } from "../engine/contract/bisect.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { listHealed } from "./activities/healing.ts";
import { passingOver } from "./activities/unreadable.ts";
import { bisectStep } from "./bisect-step.ts";
import { findItem } from "./find-item.ts";
import { bodyOf, route } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";

const path = `${PATHS.item}/leewardBisect`;

/** One step of a bisection: who asks has tried a state, and sends narrower bounds. Nothing is kept of it. */
route("bisectItem", { method: "POST", role: "Reader", versioned: true, path }, async (call) => {
  const { services } = call;
  const { properties } = await bodyOf(call.request, bisectRequest);
  const { machine } = await findItem(services, itemIn(call.request));
  if ((await listHealed(services, machine)).length === 0)
    throw new LeewardError("NoRecoveryPoint", `machine ${machine} has no recovery point yet`);
  const key = await services.keyOf(machine);
  const step = await passingOver(services, machine, ({ objects }) =>
    bisectStep({ objects, machine, key }, properties),
  );
  return { jsonBody: { properties: step } };
});
