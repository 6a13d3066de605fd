import { remove } from "../../engine/azure/resource.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { diskIndex } from "../../engine/core/units.ts";
import { type Built, type BuiltPart, builtBy, builtPart } from "../../engine/recovery/cancel.ts";
import { endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { withDeleted, withLeft } from "../../engine/recovery/removed.ts";
import { dropRebuilds } from "../../engine/replication/rebuilds.ts";
import { abandonUpload } from "./disks.ts";
import { sent } from "./target.ts";
import { passing } from "./test-removal.ts";
import { stateOf, typeOf } from "./testing.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const cancelActivities = {
  /** The list stands in the job before anything is deleted: whoever dies behind it leaves all that he may have deleted. */
  async planCancel({ machine, operation }, { services }) {
    const item = await itemOf(services, machine);
    const found: Built[] = [];
    let { removed } = (await services.records.jobs.get(operation))?.value ?? {};
    for (const built of builtBy(item)) {
      const there = await stateOf(services, item, built);
      const thing = { type: typeOf(built), name: built.id };
      if (there === "gone") continue;
      if (there === "ours") {
        found.push(built);
        removed = withDeleted(removed, [thing]);
      } else removed = withLeft(removed, { ...thing, ...there });
    }
    await dropRebuilds(services.target, machine);
    if (removed) await services.records.jobs.update(operation, (old) => ({ ...old, removed }));
    return { parts: found.map(({ part }) => part) };
  },

  /** Of what went meanwhile nothing is left to do. */
  async removeBuilt({ machine, part }, { services }) {
    const item = await itemOf(services, machine);
    const built = builtPart(item, part);
    if (!built) throw new LeewardError("NotFound", `the failover of ${machine} built no ${part.kind}`);
    const { urgent } = services.arm;
    if (built.role === undefined) {
      const { replica } = targetOf(item);
      if (replica) await services.pagesAt(endpointOf(replica)).delete(built.id);
      return {};
    }
    if (isDisk(part) && (await urgent.find(built.id)) !== undefined)
      await abandonUpload(services, item, { index: diskIndex(part.at), id: built.id });
    return sent(await passing(remove(urgent, built.id, { machine, role: built.role })));
  },
} satisfies Partial<Implementations>;

const isDisk = (part: BuiltPart): part is BuiltPart & { readonly at: number } =>
  part.kind === "disk" && part.at !== undefined;
