import { micros } from "../core/units.ts";
import type { ObjectStore } from "../storage/store.ts";
import { OverlayObjectStore } from "../storage/overlay.ts";
import { type HealRequest, healAfter, whileHealing } from "./heal.ts";
import type { Healed } from "./pass-over.ts";

/**
 * Reads, and where something is damaged or gone reads what it would be once healed: nothing is written.
 * @param onHealed called with what was healed for this reader alone
 * @throws what the work throws when nothing can be healed
 */
export function readHealed<Result>(
  s: HealRequest,
  work: (objects: ObjectStore) => Promise<Result>,
  onHealed: (healed: readonly Healed[]) => void = () => undefined,
): Promise<Result> {
  const objects = new OverlayObjectStore(s.objects);
  return whileHealing(
    () => work(objects),
    async (error) => {
      const healed = await healAfter(error, { ...s, objects }, micros(0));
      onHealed(healed);
      return healed;
    },
  );
}
