import { randomUUID } from "node:crypto";
import type { Box } from "./box.ts";
import type { Operation } from "./model.ts";
import { dispatch } from "./dispatch.ts";
import type { Operations, Started } from "./operations.ts";

/** Later than every version that is modelled. */
const API_VERSION = "2026-01-01";

/**
 * Makes the resources that the box begins with by the same code as everyone's, without waiting.
 * @throws ArmError naming what is wrong with the seed.
 */
export async function sow(box: Box): Promise<void> {
  for (const seed of box.config.seed) {
    const begun: Started[] = [];
    const query = new URLSearchParams({ "api-version": API_VERSION });
    const sowing = { ...box, operations: collecting(box, begun) };
    await dispatch(sowing, { method: "PUT", pathname: seed.id, query, body: seed.body, seed });
    for (const started of begun) await box.operations.now(started);
  }
  box.state.save();
}

/** Notes what is started instead of starting it. */
const collecting = (box: Box, begun: Started[]): Operations => ({
  ...box.operations,
  start(started): Operation {
    begun.push(started);
    return { id: randomUUID(), input: {}, ...started, status: "InProgress", started: box.clock.now() };
  },
});
