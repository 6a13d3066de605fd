import { LeewardError } from "../engine/core/errors.ts";
import { type ItemRecord, lastSegment } from "../engine/recovery/item.ts";
import { STATES } from "../engine/recovery/state.ts";
import { verificationFor } from "../engine/recovery/verification.ts";
import { withWish } from "../engine/recovery/verify-wish.ts";
import { ensureVerify } from "./durable.ts";
import { findItem } from "./find-item.ts";
import { durableRoute } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { PATHS, itemIn } from "./paths.ts";
import type { Services } from "./services.ts";

const path = `${PATHS.item}/leewardVerify`;

/** Compares the newest point now, and not only when the policy's interval is over. The answer does not wait for that. */
durableRoute("verifyItem", { method: "POST", path, role: "Operator", versioned: true }, async (call) => {
  const item = await findItem(call.services, itemIn(call.request));
  await wish(call.services, item);
  // Should this be lost, the timer finds the wish.
  await ensureVerify(call.client, item.machine);
  return { jsonBody: await viewItem(call, item) };
});

/** @throws StateNotAllowed: nothing changed */
async function wish(services: Services, { id, machine, state, generation }: ItemRecord): Promise<void> {
  const { records, clock } = services;
  if (!STATES[state].replicating)
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(id)} is ${state}: nothing is replicated that could be verified`,
    );
  const point = (await records.progress.get(machine))?.value.point;
  if (point?.generation !== generation)
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(id)} is ${state}, and its generation ${generation} has no recovery point yet: wait for the first one`,
    );
  const now = clock.now();
  await records.verification.upsert(machine, (old) =>
    withWish(verificationFor(old, machine, generation, now), point, now),
  );
}
