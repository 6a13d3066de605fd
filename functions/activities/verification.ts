import { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { verificationFor } from "../../engine/recovery/verification.ts";
import type { VerifyResult } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { type Implementations, itemOf } from "./tools.ts";
import { turnOf } from "./turn.ts";
import { verifyJournal, verifyReplica } from "./verify-road.ts";

export const verificationActivities = {
  async verify({ machine, road }, { services }) {
    const item = await itemOf(services, machine);
    if (!STATES[item.state].replicating) return { state: "ended" };
    const enough = turnOf(services.clock);
    const verifyRoad = road === "journal" ? verifyJournal : verifyReplica;
    const state = await whileReplicating(services, machine, MOST_MS, (signal) =>
      verifyRoad(services, item, signal, enough),
    );
    return { state };
  },

  async noteVerification({ machine, problem }, { services }) {
    const item = await itemOf(services, machine);
    const now = services.clock.now();
    await services.records.verification.upsert(machine, (old) => {
      const known = verificationFor(old, machine, item.generation, now);
      const since = known.problem?.code === problem.code ? known.problem.since : now;
      return { ...known, problem: { ...problem, since }, attemptedAt: now };
    });
    return null;
  },
} satisfies Partial<Implementations>;

type State = VerifyResult["state"];

/** How often verification looks whether a failover wants the machine's storage for itself. */
const LOOK_MS = 2000;

/** Behind its time-out the Functions host ends the process of an activity, and with it all others that are at work there. */
const MOST_MS = 25 * 60_000;

/**
 * Verification is the least urgent of all work: it gives up as soon as the machine is no longer replicated, and before it harms
 * others.
 * @param most milliseconds
 * @throws TimedOut; what the work throws
 */
export async function whileReplicating(
  services: Pick<Services, "records">,
  machine: MachineId,
  most: number,
  work: (signal: AbortSignal) => Promise<State>,
): Promise<State> {
  const ended = new AbortController();
  const look = async () => {
    const { state } = await itemOf(services, machine);
    if (!STATES[state].replicating) ended.abort();
  };
  // A look that fails says nothing about the machine; the next one may.
  const looking = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  const late = new LeewardError(
    "TimedOut",
    `verification of ${machine} took more than ${Math.round(most / 60_000)} minutes: its disks are too large for one activity`,
  );
  const waiting = setTimeout(() => ended.abort(late), most);
  try {
    return await work(ended.signal);
  } catch (error) {
    if (ended.signal.reason === late) throw late;
    if (ended.signal.aborted) return "ended";
    throw error;
  } finally {
    clearInterval(looking);
    clearTimeout(waiting);
  }
}
