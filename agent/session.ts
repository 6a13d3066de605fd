import {
  type AgentConfig,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type RegisterResponse,
  agentConfig,
} from "../engine/contract/agent-api.ts";
import { AGENT_VERSION } from "../engine/contract/agent-version.ts";
import { type FreezeCommands } from "../engine/core/freeze.ts";
import type { Clock } from "../engine/core/clock.ts";
import { SOON, waitAfter } from "../engine/core/retry.ts";
import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import { type Micros, type Millis, bytes, diskIndex, millis } from "../engine/core/units.ts";
import { type DataKey, dataKey } from "../engine/journal/key.ts";
import { markOf } from "../engine/journal/position.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { Capture } from "./capture.ts";
import type { ControlPlane } from "./control-plane.ts";
import { Handover } from "./handover.ts";
import type { Files } from "./files.ts";
import { nodeFiles } from "./node-files.ts";
import type { RunStatus } from "./run-status.ts";

const CONFIG_POLL = millis(500);
/** How often a machine that was failed over or disabled asks whether it is wanted again. */
const IDLE_POLL = millis(15_000);
/** How often it asks when a person has to mend something first: a role, a setting. */
const REFUSED_POLL = millis(60_000);
const LISTED_BARRIERS = 16;

export interface SessionSettings {
  readonly capture: Capture;
  readonly configFile: string;
  readonly clock: Clock;
  /** Without it the system's. */
  readonly files?: Files;
  readonly connect: (config: AgentConfig) => ControlPlane;
  /** Opens the cache container by its URL with SAS. */
  readonly openCache: (containerUrl: string) => ObjectStore;
}

/**
 * The agent's talk with the control plane. Whatever fails is tried again, for ever: nothing of it may end the process
 * that serves the guest's disks.
 */
const FAREWELL_MS = 5000;

export class Session {
  readonly #s: SessionSettings;
  readonly #stop = new AbortController();
  #problem: LeewardError | undefined;
  readonly #handover = new Handover(AGENT_VERSION);
  #key: DataKey | undefined;
  #plane: ControlPlane | undefined;
  #every: Millis = millis(5000);
  #freeze: FreezeCommands | undefined;

  constructor(settings: SessionSettings) {
    this.#s = settings;
  }

  /** What keeps the agent from the control plane at the moment, if anything. */
  get problem(): LeewardError | undefined {
    return this.#problem;
  }

  /** As the control plane has configured them. */
  get freeze(): FreezeCommands | undefined {
    return this.#freeze;
  }

  /** Runs until `close`, and never throws. */
  async run(): Promise<void> {
    for (let tries = 0; !this.#stop.signal.aborted; tries++) {
      try {
        const config = await this.#config();
        this.#freeze = config.freeze;
        this.#plane = this.#s.connect(config);
        await this.#serve(this.#plane, () => (tries = 0));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#problem = known(error);
        if (hasCode(error, "AgentFenced")) await this.#handOver();
        await this.#sleep(this.#waitAfter(this.#problem, tries)).catch(closed);
      }
    }
  }

  close(): void {
    this.#stop.abort();
  }

  /** Whatever hinders it, the next look tries it again. */
  async #handOver(): Promise<void> {
    const { capture, openCache } = this.#s;
    try {
      const access =
        this.#plane && (await this.#handover.ask(this.#plane, capture.status, this.#stop.signal));
      if (!access) return;
      const key = dataKey(Buffer.from(access.dataKey, "base64"));
      capture.connect({ store: openCache(access.cache.containerUrl), key });
      capture.arrived(access.generation, access.read, access.again);
    } catch (error) {
      // It is replicated, and only its generation is over: the next look registers, as soon as after any fence.
      if (hasCode(error, "StateNotAllowed")) return;
      this.#problem = known(error);
    }
  }

  /** Waits until the VM extension has left its settings. @throws InvalidSetting when they make no sense. */
  async #config(): Promise<AgentConfig> {
    for (;;) {
      const text = await (this.#s.files ?? nodeFiles).readAsync(this.#s.configFile).catch(() => undefined);
      if (text) return readConfig(this.#s.configFile, text.toString("utf8"));
      await this.#sleep(CONFIG_POLL);
    }
  }

  /** Registers, then beats until a new registration is needed. */
  async #serve(controlPlane: ControlPlane, answered: () => void): Promise<void> {
    const { capture } = this.#s;
    const { signal } = this.#stop;
    const registration = await this.#register(controlPlane);
    answered();
    capture.begin(this.#accepted(registration));
    for (let failures = 0; ;) {
      const { status } = capture;
      if (!status || isSpent(status)) return;
      try {
        const answer = await this.#heartbeat(controlPlane, status);
        this.#problem = undefined;
        failures = 0;
        if (answer.over) capture.forget();
        if (!answer.active) throw new LeewardError("AgentFenced", "the control plane ended this generation");
        capture.setPolicy(answer.policy);
        this.#every = answer.policy.heartbeatEvery;
        if (answer.cache && this.#key)
          capture.connect({ store: this.#s.openCache(answer.cache.containerUrl), key: this.#key });
        if (answer.arrived !== undefined)
          capture.arrived(status.generation, answer.arrived, answer.again ?? []);
        if (answer.point !== undefined) void capture.point(status.generation, answer.point);
        for (const { id, ...terms } of answer.barriers) void capture.requestBarrier(id, terms);
        await this.#sleep(this.#every);
      } catch (error) {
        if (hasCode(error, "AgentFenced")) capture.stop(known(error));
        // A machine that nobody knows may have been enabled under another name: the settings say so.
        if (signal.aborted || hasCode(error, "AgentFenced") || hasCode(error, "NotFound")) throw error;
        this.#problem = known(error);
        await this.#sleep(this.#waitAfter(this.#problem, failures++));
      }
    }
  }

  async #heartbeat(controlPlane: ControlPlane, status: RunStatus): Promise<HeartbeatResponse> {
    const { clock, capture } = this.#s;
    const asked = clock.now();
    const answer = await controlPlane.heartbeat(heartbeatOf(status, asked), this.#stop.signal);
    if (answer.time !== undefined) capture.controlClock.note(asked, answer.time, clock.now());
    return answer;
  }

  /** To be called behind `close`, once the journal is closed: that nothing more will come. Whatever hinders it, it is not said. */
  async farewell(): Promise<void> {
    const { capture, clock } = this.#s;
    const { status } = capture;
    if (!status || !this.#plane) return;
    const last: HeartbeatRequest = { ...heartbeatOf(status, clock.now()), ended: true };
    await this.#plane.heartbeat(last, AbortSignal.timeout(FAREWELL_MS)).catch(closed);
  }

  async #register(controlPlane: ControlPlane): Promise<RegisterResponse> {
    const { capture } = this.#s;
    const { resume, status } = capture;
    try {
      return await controlPlane.register(
        {
          agentVersion: AGENT_VERSION,
          compares: true,
          chooses: true,
          disks: [...capture.disks],
          ...(resume && { resume }),
          ...(!resume && status && { ended: endOf(status) }),
          ...(capture.crashed && { crashed: true }),
        },
        this.#stop.signal,
      );
    } catch (error) {
      if (hasCode(error, "AgentFenced")) capture.stop(known(error));
      throw error;
    }
  }

  #accepted({ dataKey: secret, cache, ...rest }: RegisterResponse) {
    this.#key = dataKey(Buffer.from(secret, "base64"));
    this.#every = rest.policy.heartbeatEvery;
    return { ...rest, key: this.#key, store: this.#s.openCache(cache.containerUrl) };
  }

  /**
   * Sooner than uploads are tried again: a call is one small request, it carries both losses and every answer that could end
   * the trouble, and an agent that is silent for half a minute counts as lost. What the other side asks for is never
   * undercut.
   */
  #waitAfter(error: LeewardError, failures: number): Millis {
    const asked = error.retryAfter ?? millis(0);
    if (error.class === "retry") return waitAfter(SOON, failures, this.#s.configFile, asked);
    return millis(Math.max(error.code === "AgentFenced" ? IDLE_POLL : REFUSED_POLL, asked));
  }

  #sleep(duration: Millis): Promise<void> {
    return this.#s.clock.sleep(duration, this.#stop.signal);
  }
}

/** A sleep that `close` ends; the loop sees that by itself. */
const closed = (): undefined => undefined;

function readConfig(file: string, text: string): AgentConfig {
  const { success, data, error } = agentConfig.safeParse(parseJson(file, text));
  if (success) return data;
  const where = error.issues.map(({ path }) => path.join(".") || "the whole file").join(", ");
  throw new LeewardError("InvalidSetting", `--config: ${file}: missing or wrong: ${where}`);
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LeewardError("InvalidSetting", `--config: ${file}: ${messageOf(error)}`, error);
  }
}

/** A broken journal whose remains are in the cache, or cannot get there: time for a new generation. */
const isSpent = ({ mode, recovered, problem }: RunStatus): boolean =>
  mode === "stopped" && (recovered || problem?.code !== "SpoolFull");

/** Of a generation that it cannot go on with. */
const endOf = ({ generation, captured, pressure: { unrecorded } }: RunStatus) => ({
  generation,
  captured,
  ...(unrecorded && { unrecorded }),
});

function heartbeatOf(status: RunStatus, time: Micros): HeartbeatRequest {
  const { generation, mode, captured, cached, backlog, uploaded, written, initialCopy, problem } = status;
  return {
    agentVersion: AGENT_VERSION,
    generation,
    mode,
    time,
    captured,
    cached: markOf(cached),
    cachedNext: cached.next,
    backlog,
    uploaded,
    initialCopy,
    disks: written.map(({ bytes: count, writes }, index) => ({
      index: diskIndex(index),
      bytes: bytes(count),
      writes,
    })),
    barriers: status.barriers.slice(-LISTED_BARRIERS),
    refused: status.refused.slice(-LISTED_BARRIERS),
    pressure: status.pressure,
    ...(status.keptFrom !== undefined && { keptFrom: status.keptFrom }),
    ...(problem && { problem: { code: problem.code, message: problem.message.slice(0, 2000) } }),
  };
}

const known = (error: unknown): LeewardError =>
  error instanceof LeewardError
    ? error
    : new LeewardError("ControlPlaneUnavailable", messageOf(error), error);
