import { type Digest, sha256 } from "../core/digest.ts";
import type { Micros } from "../core/units.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { Verification } from "../journal/verification-document.ts";
import { BlockSpace } from "./block-space.ts";
import { type FoundBlock, countOf, noBlocks, unionOf } from "./blocks.ts";
import { DigestGathering } from "./digest-gathering.ts";
import { KeptLost } from "./kept-lost.ts";
import {
  DigestsWriter,
  HeldDigests,
  type KeptDigests,
  type KnownDigests,
  StoredDigests,
} from "./known-digests.ts";
import { type BlocksLeft, JournalBlocks } from "./journal-blocks.ts";
import { type ReplicaBlocksRequest, replicaBlocks } from "./replica-blocks.ts";
import { type KeptVerification, blocksLeft, endVerification, keepVerification } from "./verifications.ts";
import {
  type Verified,
  type VerifyRequest,
  blocksToCompare,
  compareBlocks,
  gatherRequestOf,
} from "./verify-point.ts";

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

/** Blocks compared in all turns, and to be compared: as far as that is known while digests are gathered. */
interface Compared {
  readonly compared: number;
  readonly blocks: number;
}

/** A verification that has found a wrong block is over. */
export type VerifiedTurn =
  | (Compared & { readonly complete: false })
  | (Compared & Verified & { readonly complete: true });

/**
 * A part of `verifyPoint`, in one turn of those that it takes: how far the digests are gathered, then which blocks are still to be
 * compared, where the walk is, and what is known of blocks that are whole only in part is kept before the turn ends. May die
 * anywhere: whoever comes next goes on behind the last turn that was kept. What cannot be believed any more is begun anew.
 * @param s `since` and `scrub` as they were in the first turn
 * @throws as `verifyPoint`; ObjectChanged when another run has brought it on
 */
export async function verifyTurn(s: VerifyTurnRequest, turn: VerificationTurn): Promise<VerifiedTurn> {
  const { objects, point } = s;
  const { kept, road } = turn;
  const bound = boundOf(s);
  const begun = kept && isOf(kept.verification, s, bound) ? kept.verification : undefined;
  try {
    return await new Turn(s, turn, bound).goOn(begun);
  } catch (error) {
    if (!(error instanceof KeptLost)) throw error;
    await endVerification(objects, point.machine, road);
    return { compared: 0, blocks: new BlockSpace(point.disks).total, complete: false };
  }
}

/** What is compared, with what it is compared with. */
interface Comparison {
  readonly left: BlocksLeft;
  readonly digests: KnownDigests;
  readonly scanned: JournalPosition;
  /** Puts the digests where the next turn finds them. */
  readonly keep: () => Promise<KeptDigests>;
}

class Turn {
  readonly #s: VerifyTurnRequest;
  readonly #turn: VerificationTurn;
  readonly #bound: Digest;
  readonly #space: BlockSpace;

  constructor(s: VerifyTurnRequest, turn: VerificationTurn, bound: Digest) {
    this.#s = s;
    this.#turn = turn;
    this.#bound = bound;
    this.#space = new BlockSpace(s.point.disks);
  }

  async goOn(begun: Verification | undefined): Promise<VerifiedTurn> {
    const known = begun?.digests && (await this.#known(begun, begun.digests));
    const comparison = known ?? (await this.#gathered(begun?.gathering && begun));
    if (!comparison) return { compared: 0, blocks: this.#space.total, complete: false };
    return this.#compare(comparison, known && begun ? begun.compared : 0);
  }

  /** Goes on with what other turns have left. @throws KeptLost */
  async #known(begun: Verification, kept: KeptDigests): Promise<Comparison> {
    const { disks } = this.#s.point;
    const left = await blocksLeft(this.#place, begun, disks);
    if (!left) throw new KeptLost("what is known of blocks cannot be believed");
    const digests = new StoredDigests({ ...this.#runs, build: kept.build }, kept.parts);
    return { left, digests, scanned: kept.scanned, keep: async () => kept };
  }

  /** Goes on gathering digests. @returns undefined when the turn is over before they are there */
  async #gathered(begun: Verification | undefined): Promise<Comparison | undefined> {
    const { enough } = this.#turn;
    const { point } = this.#s;
    const gathering = new DigestGathering(
      gatherRequestOf(this.#s, this.#s.objects, this.#turn.road),
      begun?.gathering,
    );
    const place = { ...this.#runs, build: gathering.build };
    const writer = new DigestsWriter(place, begun?.gathering?.ordered?.parts);
    const walked = await gathering.walk(enough);
    const { held } = gathering;
    const ordered = walked && (await gathering.order(held ? undefined : writer, held ? () => false : enough));
    if (!ordered) {
      await this.#keepGathering(gathering, writer);
      return undefined;
    }
    const { build, scanned } = gathering;
    const left = {
      place: undefined,
      wanted: blocksToCompare(this.#s, gathering),
      deferred: noBlocks(point.disks),
      pieces: [],
    };
    const keep = async () => {
      if (held) await gathering.order(writer, () => false);
      return { build, parts: writer.parts, scanned };
    };
    const digests = held ? new HeldDigests(held, this.#space) : new StoredDigests(place, writer.parts);
    return { left, digests, scanned, keep };
  }

  async #keepGathering(gathering: DigestGathering, writer: DigestsWriter): Promise<void> {
    const { disks } = this.#s.point;
    const nothing = { place: undefined, wanted: noBlocks(disks), deferred: noBlocks(disks), pieces: [] };
    const kept = await gathering.keep();
    const ordered = { parts: writer.parts };
    await this.#keep({ gathering: { ...kept, ordered }, compared: 0, blocks: this.#space.total }, nothing);
  }

  async #compare(comparison: Comparison, before: number): Promise<VerifiedTurn> {
    const { scanned } = comparison;
    const work = workOf(this.#s, comparison.left);
    const found = await compareBlocks(this.#s, work.some(this.#turn.enough), comparison.digests);
    const { left } = work;
    const rest = countOf(left.wanted) + countOf(left.deferred);
    const compared = found.compared + before;
    const turned = { compared, blocks: compared + rest };
    if (rest === 0 || countOf(found.wrong) > 0)
      return { ...turned, wrong: found.wrong, scanned, complete: true };
    await this.#keep({ ...turned, digests: await comparison.keep() }, left);
    return { ...turned, complete: false };
  }

  async #keep(
    known: Pick<Verification, "gathering" | "digests" | "compared" | "blocks">,
    left: BlocksLeft,
  ): Promise<void> {
    const { machine, generation, id, sequence, time, position } = this.#s.point;
    const { window, kept } = this.#turn;
    const { gathering, digests, compared, blocks } = known;
    const made = {
      format: 1 as const,
      machine,
      point: { generation, id, sequence, time, chain: position.chain },
      bound: this.#bound,
      ...(this.#s.since && { since: this.#s.since.id }),
      window,
      ...(gathering && { gathering }),
      ...(digests && { digests }),
      compared,
      blocks,
    };
    await keepVerification(this.#place, made, left, kept?.etag);
  }

  get #place() {
    const { objects, key, point } = this.#s;
    return { objects, key, point, road: this.#turn.road };
  }

  get #runs() {
    const { objects, key, point } = this.#s;
    return { scratch: objects, key, point, use: this.#turn.road, space: this.#space };
  }
}

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
