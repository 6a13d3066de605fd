import { Capture } from "../../agent/capture.ts";
import type { ControlPlane } from "../../agent/control-plane.ts";
import type { Files } from "../../agent/files.ts";
import { type Processes, type SpoolLock, lockSpool } from "../../agent/lock.ts";
import { Session } from "../../agent/session.ts";
import {
  type CapturePolicy,
  handoverRequest,
  handoverResponse,
  heartbeatRequest,
  heartbeatResponse,
  registerRequest,
  registerResponse,
} from "../../engine/contract/agent-api.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { BLOCK, KIB, bytes, millis } from "../../engine/core/units.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { heartbeat, itemOfAgent, registerAgent } from "../../functions/agent-calls.ts";
import { handOver } from "../../functions/handover.ts";
import { onOlderBase } from "./control-plane.ts";
import { freezerOf } from "./freeze.ts";
import { CONFIG, type Guest, SPOOL } from "./guest.ts";
import { bySas } from "./sas.ts";
import type { Process } from "./scheduler.ts";
import { gated } from "./stores.ts";
import type { World } from "./world.ts";

/** So that segments are many and small; a policy's least is more than these disks hold. */
const HASTY: CapturePolicy = {
  sealBytes: bytes(12 * KIB),
  sealAge: millis(700),
  heartbeatEvery: millis(2500),
  retryLadder: [millis(1000), millis(4000)],
};
/** Several for each barrier of a group, which is asked for some seconds ahead. */
const TALKATIVE: CapturePolicy = { ...HASTY, heartbeatEvery: millis(1000) };
const PATIENCE = millis(500);

/** Starts the agent of a machine as `agent/main.ts` does. While another one is ending, it ends at once. */
export function startAgent(world: World, guest: Guest, spoolLimit: number): void {
  world.scheduler.start("agent", async (process) => {
    guest.agents.push(process);
    const files = world.filesOf(guest, process);
    const clock = world.clockOf(process, guest.clock);
    const lock = lockOrNot(files, world.processesOf(process));
    if (!lock) return;
    const freezer = freezerOf(world, guest, process);
    const capture = new Capture({
      diskPaths: guest.diskPaths,
      spoolDirectory: SPOOL,
      spoolLimit: bytes(spoolLimit),
      clock,
      files,
      markedRegion: bytes(BLOCK),
      freezer,
    });
    void freezer.keepThawing();
    const session = new Session({
      capture,
      configFile: CONFIG,
      clock,
      files,
      connect: () => talkOf(world, guest, process),
      openCache: () =>
        bySas(gated(world.reachedOf(guest.side), world.scheduler, process, guest.side).cache, world.tally),
    });
    guest.running = { process, capture, stop: () => session.close() };
    await session.run();
    if (guest.running.process === process) guest.running = undefined;
    await capture.close(PATIENCE);
    lock.release();
  });
}

function lockOrNot(files: Files, processes: Processes): SpoolLock | undefined {
  try {
    return lockSpool(SPOOL, files, processes);
  } catch (error) {
    if (hasCode(error, "Conflict")) return undefined;
    throw error;
  }
}

/** The agent's calls, each answered by a process of the control plane. Either side may die, and the answer be lost. */
function talkOf(world: World, guest: Guest, process: Process): ControlPlane {
  const ask = async <T>(what: string, signal: AbortSignal, answer: Answer<T>): Promise<T> => {
    const hop = (args: readonly unknown[]) =>
      world.scheduler.call(
        { process, store: "net", method: what, args, perform: async () => undefined },
        signal,
      );
    await hop(["asks"]);
    const answered = await inControlPlane(world, guest, what, answer);
    await hop(["hears"]);
    return answered;
  };
  return {
    register: (request, signal) =>
      ask("register", signal, async (reached) => {
        const wrong = world.mutation?.step === "wrong-base";
        const talk = wrong ? { ...reached, services: onOlderBase(reached.services) } : reached;
        const asked = registerRequest.parse(overWire(request));
        const item = await itemOfAgent(talk.services, guest.machine, await callerOf(world, guest));
        const given = await registerAgent(talk, item, asked);
        const keeps = world.mutation?.step === "same-generation" &&
          guest.wrote && { generation: guest.wrote };
        return registerResponse.parse(
          overWire({ ...given, ...keeps, policy: { ...given.policy, ...policyIn(world) } }),
        );
      }),
    heartbeat: (request, signal) =>
      ask("heartbeat", signal, async (talk) => {
        const beat = heartbeatRequest.parse(overWire(request));
        const item = await itemOfAgent(talk.services, guest.machine, await callerOf(world, guest));
        const given = await heartbeat(talk, item, beat);
        return heartbeatResponse.parse(
          overWire({ ...given, policy: { ...given.policy, ...policyIn(world) } }),
        );
      }),
    handOver: (request, signal) =>
      ask("handover", signal, async ({ services }) => {
        const item = await itemOfAgent(services, guest.machine, guest.principal);
        const left = await handOver(services, item, handoverRequest.parse(overWire(request)));
        return handoverResponse.parse(overWire(left));
      }),
  };
}

const policyIn = ({ group }: World): CapturePolicy => (group ? TALKATIVE : HASTY);

async function callerOf(world: World, { machine, principal, side }: Guest): Promise<string> {
  if (world.mutation?.step !== "any-caller") return principal;
  const item = await recordsIn(world.storesOf(side).records).items.get(itemKeyOf(machine));
  return item?.value.source?.principal ?? principal;
}

type Answer<T> = (talk: Parameters<typeof registerAgent>[0]) => Promise<T>;

const overWire = (body: unknown): unknown => JSON.parse(JSON.stringify(body));

function inControlPlane<T>(world: World, guest: Guest, what: string, answer: Answer<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    world.scheduler.start("api", async (process) => {
      process.gone = () =>
        reject(new LeewardError("ControlPlaneUnavailable", `${what}: the connection was closed`));
      try {
        resolve(await answer(world.toolsOf(process, guest.side)));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
