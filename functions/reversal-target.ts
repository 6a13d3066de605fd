import { LeewardError } from "../engine/core/errors.ts";
import { copyDisks } from "../engine/recovery/disk-set.ts";
import { type ItemRecord, lastSegment, targetOf } from "../engine/recovery/item.ts";
import { mappingKey } from "../engine/recovery/network-mapping.ts";
import type { Terms } from "../engine/recovery/reversal.ts";
import { targetDisk } from "../engine/recovery/target-names.ts";
import { planWayBack } from "../engine/recovery/way-back.ts";
import { asking, readPresent } from "./enablement-plan.ts";
import type { Services } from "./services.ts";
import { readSource } from "./source-machine.ts";

export interface TermsFound {
  /** For `receive`. */
  readonly terms: Omit<Terms, "now">;
  /** What the machine will have otherwise than before, in words: for the job of the reprotection. */
  readonly changes: readonly string[];
}

/**
 * What the side that takes a machine over needs to know: the machine as it runs now, and where it is built when it goes
 * back (`planWayBack`). Reads only. Reprotect calls it on the taking side, whose app is in the region that the machine came
 * from, with the item as `giveAway` leaves it on the other side; then `receive` with the terms, which writes the mapping's
 * rows as well. Cache and replica account that the target names are to be made as enablement makes them, before anything is
 * seeded: the item that `receive` answers has them in its `target`, and its `vmId` is the machine that runs now.
 * @throws SourceUnsuitable when the machine cannot be protected as it runs, or has nowhere to go; NotFound when it was
 * never failed over
 */
export async function termsOf(
  { arm, records, settings }: Pick<Services, "arm" | "records" | "settings">,
  given: ItemRecord,
): Promise<TermsFound> {
  const { failover, request, policy } = given;
  const { vm } = targetOf(given);
  if (!failover) throw new LeewardError("NotFound", `${lastSegment(given.id)} was not failed over`);
  // What was added since would be in no base.
  const built = copyDisks(given, {}).map(({ name }) => targetDisk(targetOf(given), name, failover.point));
  const asked = { ...request, disks: request.disks && built };
  const source = await readSource({ arm, settings }, { vmId: vm, request: asked, policy });
  const there = asking((id) => readPresent(arm, id));
  const rows = asking(async (id) => (await records.mappings.get(mappingKey(id)))?.value);
  for (;;) {
    const facts = { given, now: source, region: settings.region };
    const found = planWayBack({ ...facts, there: there.known, mapping: rows.known });
    const answered = [await there.answer(), await rows.answer()];
    if (answered.includes(true)) continue;
    const { target, request: back, changes, problems } = found;
    if (problems.length > 0)
      throw new LeewardError("SourceUnsuitable", `${vm} cannot go back: ${problems.join("; ")}`);
    return { terms: { source, target, request: back, vmId: vm }, changes };
  }
}
