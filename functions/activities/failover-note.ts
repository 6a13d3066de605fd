import { type ItemRecord, itemKeyOf } from "../../engine/recovery/item.ts";
import type { TargetBuild } from "../../engine/recovery/target-build.ts";
import type { Copy } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";

/** What the report of a failover, or of a test, has of the machine that is built. */
export const builtOf = ({ failover, test }: ItemRecord, copy: Copy): TargetBuild | undefined =>
  copy.test ? test : failover;

/** Writes more of it down; nothing where there is no such report any more. */
export async function noteBuilt(
  { records }: Services,
  copy: Copy,
  change: (built: TargetBuild) => TargetBuild,
): Promise<void> {
  await records.items.update(itemKeyOf(copy.machine), (old) => {
    const { failover, test } = old;
    if (copy.test) return test ? { ...old, test: { ...test, ...change(test) } } : old;
    return failover ? { ...old, failover: { ...failover, ...change(failover) } } : old;
  });
}

/** Writes down what somebody should know although it goes on; once, however often it is said. */
export const note = (services: Services, copy: Copy, words: string): Promise<void> =>
  noteBuilt(services, copy, ({ notes = [] }) => ({ notes: [...new Set([...notes, words])] }));
