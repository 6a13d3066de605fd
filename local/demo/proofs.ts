import { open } from "node:fs/promises";
import path from "node:path";
import { toIso } from "../../engine/core/clock.ts";
import { BLOCK, type Bytes, micros } from "../../engine/core/units.ts";
import { zeroDigests } from "../../engine/journal/digest-tree.ts";
import { journalPrefix } from "../../engine/journal/names.ts";
import { rawImage } from "../../engine/replication/raw-image.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import type { BlockDigests } from "../../engine/replication/digest-walk.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import type { Box } from "../box/box.ts";
import type { OrderLog } from "../machine/customers.ts";
import { type OrderComparison, compareOrders, ordersProved } from "../machine/proof.ts";
import type { ItemView } from "./item-view.ts";
import { allOrders, checkIntegrity } from "./ledger-client.ts";
import { realLoss } from "./real-loss.ts";
import type { Proof, Report } from "./report.ts";
import { bootImage } from "./target-disk.ts";
import { type Vantage, vantageOn } from "./vantage.ts";

export interface Evidence {
  readonly box: Box;
  /** After the failover. */
  readonly item: ItemView;
  readonly url: string;
  readonly customers: OrderLog;
  /** Milliseconds since 1970. */
  readonly lostAt: number;
}

export type Proved = Pick<Report, "proofs" | "volume" | "point" | "rpoSeconds"> &
  Pick<Report["losses"], "announced" | "real">;

/** Everything that the story claims, checked from outside: the ledger, the disks, the objects, the lost region's files. */
export async function proveAll(evidence: Evidence, onProgress: (what: string) => void): Promise<Proved> {
  const { box, item, lostAt } = evidence;
  const { failover, machine } = item.properties.leeward;
  if (!failover) throw new Error("the item holds no report of its failover");
  const sight = await vantageOn(box, machine, failover.point);
  const { point } = sight;
  onProgress("the database checks itself, and its orders are compared with the customers' receipts");
  const orders = [await integrityProof(evidence.url), ...(await orderProofs(evidence, sight))];
  onProgress("the disk is compared with the source's digests, block by block");
  const digests = await blockDigestsAt(sight);
  const disks = await diskProofs(evidence, sight, digests);
  onProgress("the disk is built again from the journal's objects alone");
  const rebuilt = await journalProof(box, sight, digests);
  onProgress("the lost region's files are read");
  const { announced } = failover;
  const found = await realLoss(box, sight, announced);
  const seconds = Math.max(0, lostAt - point.time / 1000) / 1000;
  return {
    proofs: [...orders, ...disks, rebuilt, found.proof],
    announced: { ...announced, until: toIso(micros(announced.knownUntil)) },
    real: { ...found.real, seconds },
    volume: await volumeOf(sight, found.captured, digests),
    point: { id: point.id, time: toIso(point.time) },
    rpoSeconds: seconds,
  };
}

async function integrityProof(url: string): Promise<Proof> {
  const { ok, report, orders } = await checkIntegrity(url);
  return {
    claim: "the database is sound (PRAGMA integrity_check)",
    holds: ok,
    evidence: ok ? `ok, ${orders} orders` : report.join("; "),
  };
}

async function orderProofs({ url, customers }: Evidence, { point }: Vantage): Promise<Proof[]> {
  const found = compareOrders(customers, await allOrders(url), point.time);
  const { counts } = found;
  return [
    {
      claim: "every order acknowledged before the point is there",
      holds: found.missing.length === 0 && counts.acknowledgedBefore > 0,
      evidence: `${counts.acknowledgedBefore - found.missing.length} of ${counts.acknowledgedBefore}`,
    },
    {
      claim: "none requested after it is there",
      holds: found.extra.length === 0,
      evidence: `${counts.requestedAfter} requested after it, ${found.extra.length} there`,
    },
    {
      claim: "in order, each as it was acknowledged, none unheard of",
      holds: ordersProved(found),
      evidence: `${counts.restored} orders${faults(found)}`,
    },
  ];
}

function faults({ changed, unknown, outOfOrder }: OrderComparison): string {
  const lists = { changed, unknown, "out of order": outOfOrder };
  return Object.entries(lists)
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => `, ${list.length} ${name}`)
    .join("");
}

function diskProofs({ box, item }: Evidence, sight: Vantage, digests: BlockDigests): Promise<Proof[]> {
  return Promise.all(
    sight.point.disks.map(async ({ index, size }) => ({
      ...(await imageProof(bootImage(box, item, index), size, digests.get(index))),
      claim: `target disk ${index} is the source's at the point, byte for byte`,
    })),
  );
}

async function imageProof(
  file: string | undefined,
  size: Bytes,
  digests: Uint8Array | undefined,
): Promise<Omit<Proof, "claim">> {
  if (!file || !digests) return { holds: false, evidence: "there is no such disk" };
  const handle = await open(file, "r");
  try {
    const { size: found } = await handle.stat();
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await handle.read(buffer, 0, length, offset);
      return buffer;
    };
    const wrong = await verifyImage(read, size, digests);
    const blocks = Math.ceil(size / BLOCK);
    return {
      holds: wrong.length === 0 && found === size,
      evidence: `${blocks - wrong.length} of ${blocks} blocks by SHA-256${wrong.length ? `; first wrong: ${wrong[0]}` : ""}`,
    };
  } finally {
    await handle.close();
  }
}

async function journalProof(box: Box, sight: Vantage, digests: BlockDigests): Promise<Proof> {
  const claim = "so is a disk built from the journal's objects alone";
  const image = path.join(box.plan.directory, "proof.img");
  const [disk] = sight.point.disks;
  if (!disk) return { claim, holds: false, evidence: "the point has no disk" };
  await restorePoint({ ...sight, sinkFor: () => rawImage(image, disk.size) });
  return { claim, ...(await imageProof(image, disk.size, digests.get(disk.index))) };
}

async function volumeOf(
  { objects, machine, point }: Vantage,
  captured: { writes: number; bytes: number },
  digests: BlockDigests,
): Promise<Report["volume"]> {
  const stored = { objects: 0, bytes: 0 };
  for await (const { size } of objects.list(journalPrefix(machine, point.generation))) {
    stored.objects += 1;
    stored.bytes += size;
  }
  let merged = 0;
  for (const { index, size } of point.disks)
    merged += usedBytes(size, digests.get(index) ?? new Uint8Array());
  return {
    captured,
    merged: { bytes: merged },
    shipped: { segments: point.position.next, bytes: stored.bytes },
    stored,
  };
}

/** Of all blocks that are not zero. */
function usedBytes(size: Bytes, digests: Uint8Array): number {
  const zeros = Buffer.from(zeroDigests(size));
  const found = Buffer.from(digests);
  let used = 0;
  for (let at = 0; at < found.length; at += 32)
    if (found.compare(zeros, at, at + 32, at, at + 32) !== 0) used += BLOCK;
  return used;
}
