import { type Digest, sha256 } from "../core/digest.ts";
import type { Micros } from "../core/units.ts";
import type { Verification } from "../journal/verification-document.ts";
import { type Blocks, type FoundBlock, commonOf, countOf, noBlocks, unionOf } from "./blocks.ts";
import { type BlocksLeft, JournalBlocks } from "./journal-blocks.ts";
import { type ReplicaBlocksRequest, replicaBlocks } from "./replica-blocks.ts";
import { type KeptVerification, blocksLeft, keepVerification } from "./verifications.ts";
import { type Verified, type VerifyRequest, blocksToCompare, compareBlocks } from "./verify-point.ts";

export interface VerifyTurnRequest extends VerifyRequest {
  readonly point: VerifyRequest["point"] & { readonly time: Micros };
}

export interface VerificationTurn {
  /** Which one it is of the machine's. */
  readonly road: string;
  /** What was kept last on this road, of whatever point. */
  readonly kept: KeptVerification | undefined;
  /** What the scrub is of the rotation; kept for the turns to come. */
  readonly window: Verification["window"];
  /** Asked behind each segment, or block of the replica: true when the rest is for another turn. */
  readonly enough: () => boolean;
}

export interface VerifiedTurn extends Verified {
  /** Blocks compared in all turns, and to be compared. */
  readonly compared: number;
  readonly blocks: number;
  /** False while blocks are left to compare; a verification that has found a wrong one is over. */
  readonly complete: boolean;
}

/**
 * A part of `verifyPoint`, in one turn of those that it takes: which blocks are still to be compared, where the walk is, and what is
 * known of blocks that are whole only in part is kept before the turn ends. May die anywhere: whoever comes next goes on
 * behind the last turn that was kept, and compares again what came since. The digests are gathered anew in each turn.
 * @param s `since` and `scrub` as they were in the first turn
 * @throws as `verifyPoint`; ObjectChanged when another run has brought it on
 */
export async function verifyTurn(s: VerifyTurnRequest, turn: VerificationTurn): Promise<VerifiedTurn> {
  const { objects, key, point } = s;
  const { kept, road, window } = turn;
  const place = { objects, key, point, road };
  const { blocks, digests, scanned } = await blocksToCompare(s);
  const bound = boundOf(s);
  const begun = kept && isOf(kept.verification, s, bound) ? kept.verification : undefined;
  const known = begun && (await blocksLeft(place, begun, point.disks));
  const work = workOf(s, known ? stillNamed(known, blocks, s) : fresh(blocks, s));
  const found = await compareBlocks(s, work.some(turn.enough), digests);
  const { left } = work;
  const rest = countOf(left.wanted) + countOf(left.deferred);
  const compared = found.compared + (known && begun ? begun.compared : 0);
  const turned = { compared, blocks: compared + rest, wrong: found.wrong, scanned };
  if (rest === 0 || countOf(found.wrong) > 0) return { ...turned, complete: true };
  const { machine, generation, id, sequence, time, position } = point;
  const made = {
    format: 1 as const,
    machine,
    point: { generation, id, sequence, time, chain: position.chain },
    bound,
    ...(s.since && { since: s.since.id }),
    window,
    compared,
    blocks: turned.blocks,
  };
  await keepVerification(place, made, left, kept?.etag);
  return { ...turned, complete: false };
}

const fresh = (wanted: Blocks, { point: { disks } }: VerifyRequest): BlocksLeft => ({
  place: undefined,
  wanted,
  deferred: noBlocks(disks),
  pieces: [],
});

/** A segment that was gone when it was begun may have been healed: then fewer have a digest, and fewer changed. */
const stillNamed = (left: BlocksLeft, blocks: Blocks, { point: { disks } }: VerifyRequest): BlocksLeft => ({
  ...left,
  wanted: commonOf(disks, left.wanted, blocks),
  deferred: commonOf(disks, left.deferred, blocks),
});

const isOf = ({ point, bound, since }: Verification, s: VerifyRequest, ours: Digest): boolean =>
  point.id === s.point.id &&
  point.generation === s.point.generation &&
  point.chain === s.point.position.chain &&
  bound === ours &&
  since === s.since?.id;

const boundOf = ({ point, replica }: VerifyRequest): Digest =>
  sha256(
    Buffer.from(
      JSON.stringify([
        point.disks.map(({ index, size, root }) => [index, size, root]),
        replica ? replica.checkpoint.disks.map(({ index, snapshot }) => [index, snapshot]) : null,
      ]),
    ),
  );

interface Work {
  readonly left: BlocksLeft;
  some(enough: () => boolean): AsyncGenerator<FoundBlock>;
}

function workOf(s: VerifyRequest, left: BlocksLeft): Work {
  return s.replica ? new ReplicaBlocks(s, s.replica, left) : new JournalBlocks(s, left);
}

class ReplicaBlocks implements Work {
  readonly left: BlocksLeft;
  readonly #point: VerifyRequest["point"];
  readonly #replica: Omit<ReplicaBlocksRequest, "blocks">;

  constructor({ point }: VerifyRequest, replica: Omit<ReplicaBlocksRequest, "blocks">, left: BlocksLeft) {
    this.#point = point;
    this.#replica = replica;
    this.left = { ...left, wanted: unionOf(point.disks, [left.wanted]) };
  }

  async *some(enough: () => boolean): AsyncGenerator<FoundBlock> {
    const blocks = unionOf(this.#point.disks, [this.left.wanted]);
    for await (const found of replicaBlocks({ ...this.#replica, blocks })) {
      this.left.wanted.get(found.disk)?.subtract(found.block, found.block + 1);
      yield found;
      if (enough()) return;
    }
  }
}
