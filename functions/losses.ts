import type { LossesResource } from "../engine/contract/losses.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ItemRecord, everyDisk } from "../engine/recovery/item.ts";
import { lostFor } from "../engine/recovery/lost-record.ts";
import { type LossLedger, findLedger } from "../engine/replication/loss-ledger.ts";
import { findItem } from "./find-item.ts";
import { route } from "./http.ts";
import { lostView } from "./lost-view.ts";
import { PATHS, itemIn } from "./paths.ts";

const path = `${PATHS.item}/leewardLosses`;

/** So many ranges of each disk are listed; `leeward lost` lists all, and every write. */
const MOST_RANGES = 1000;

route("itemLosses", { method: "GET", role: "Reader", versioned: true, path }, async (call) => {
  const { records, target } = call.services;
  const item = await findItem(call.services, itemIn(call.request));
  const { failover, machine } = item;
  if (!failover) throw new LeewardError("NotFound", `${item.id} was not failed over`);
  const record = lostFor((await records.lost.get(machine))?.value, item);
  const ledger = await findLedger(target, machine, failover.operation);
  const body: LossesResource = {
    id: `${item.id}/leewardLosses`,
    name: failover.operation,
    type: "Leeward/losses",
    properties: {
      ...lostView(record),
      keptSequence: failover.announced.after,
      exact: ledger?.exact ?? true,
      disks: ledger ? ledger.disks.map((disk) => diskView(item, disk)) : [],
    },
  };
  return { jsonBody: body };
});

function diskView(item: ItemRecord, { index, ranges }: LossLedger["disks"][number]) {
  return {
    index,
    name: everyDisk(item).find((disk) => disk.index === index)?.name ?? "",
    bytes: ranges.reduce((sum, [start, end]) => sum + end - start, 0),
    rangeCount: ranges.length,
    ranges: ranges.slice(0, MOST_RANGES).map(([start, end]) => ({ offset: start, length: end - start })),
  };
}
