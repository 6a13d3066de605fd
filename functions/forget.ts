import type { DurableClient } from "durable-functions";
import type { z } from "zod";
import type { OperationId } from "../engine/core/ids.ts";
import { beginDisable } from "../engine/recovery/begin.ts";
import { itemKeyOf } from "../engine/recovery/item.ts";
import type { forgetRequest } from "../engine/recovery/peer-call.ts";
import { carryOn } from "./begin.ts";
import type { Services } from "./services.ts";

/**
 * Gives up what is kept here of a machine that the other side has had, by a job of its own. What is not there, or is protected
 * from here, stays as it is. May be asked for any number of times.
 * @returns the job; undefined where there is nothing to do
 */
export async function forget(
  services: Services,
  client: DurableClient,
  { machine, keepPoints }: z.output<typeof forgetRequest>,
): Promise<OperationId | undefined> {
  const { records, clock } = services;
  const known = (await records.items.get(itemKeyOf(machine)))?.value;
  if (known?.machine !== machine) return undefined;
  const asked = { now: clock.now() };
  const item = await records.items.update(itemKeyOf(machine), (old) =>
    old.machine === machine && (old.state === "Reversed" || old.removal?.from === "Reversed")
      ? beginDisable(old, { purge: true, keepPoints }, asked)
      : old,
  );
  if (item.removal?.from !== "Reversed") return undefined;
  await carryOn(services, client, item);
  return item.job.operation;
}
