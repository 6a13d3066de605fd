import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { agentConfig } from "../../engine/contract/agent-api.ts";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import type { Hypervisor, PoweredVm, ScriptResult, VmExtension } from "../arm/hypervisor.ts";
import { consoleEnd, lastWords } from "../process/log-file.ts";
import { isAlive } from "../process/pid-file.ts";
import { nbdUrl } from "./disk-url.ts";
import { goOn, whileStopped } from "./frozen.ts";
import { type VmDirectory, bootImageOf, machineInfoOf, vmDirectory } from "./vm-directory.ts";
import { endProcess, killProcess, runningProcess, startProcess } from "./vm-process.ts";

/** `hypervisor` in the simulator's configuration. */
export const hypervisorConfig = z.object({
  /** The box's directory, for `vms/`, `pids/` and `logs/`. */
  box: z.string().min(1),
  /** VMs whose disks are reached through the agent. Others open their disk and nothing else. */
  withAgent: z.array(z.string()).default([]),
  /** Whether the disks of all others are reached through an agent as well, so that they can be protected where they are. */
  agentsOnCopies: z.boolean().default(false),
  /** Most that an agent's spool holds; the agent's own default when absent. */
  spoolMebibytes: z.number().int().optional(),
  /** Keeps a copy of each disk from before its VM first started, for proofs; not of those in `withAgent`. */
  keepBootImages: z.boolean().default(false),
  /** PEM file of the box's authority, for NODE_EXTRA_CA_CERTS of the agents. */
  caFile: z.string().optional(),
});
type HypervisorConfig = z.output<typeof hypervisorConfig>;

interface Running {
  readonly vm: PoweredVm;
  readonly directory: VmDirectory;
  readonly machine: number;
  agent: number | undefined;
}

const MACHINE = fileURLToPath(new URL("main.ts", import.meta.url));
const AGENT = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
const QUIESCE = fileURLToPath(new URL("quiesce.ts", import.meta.url));
const START_LIMIT_MILLIS = 60_000;
const END_LIMIT_MILLIS = 30_000;
const WATCH_MILLIS = 100;
/** An agent that died by itself is back after this long. */
const RESTART_MILLIS = 500;

/**
 * Runs each VM as one process that has a database and nothing else, with the agent's process in front of its disk
 * where the configuration says so. VMs survive the hypervisor: a new one takes over what it finds running.
 */
export class ProcessHypervisor implements Hypervisor {
  readonly #config: HypervisorConfig;
  readonly #running = new Map<string, Running>();
  readonly #starting = new Map<string, Promise<void>>();

  constructor(config: HypervisorConfig) {
    this.#config = config;
  }

  /** @throws Error with the machine's last words when it does not come up. */
  async powerOn(vm: PoweredVm): Promise<void> {
    const directory = vmDirectory(this.#config.box, vm.id);
    if ((await this.state(vm.id)) === "running") return;
    const starting = this.#starting.get(directory.key) ?? this.#powerOn(vm, directory);
    this.#starting.set(directory.key, starting);
    await starting.finally(() => this.#starting.delete(directory.key));
  }

  /** The machine first, so that its agent has everything of it before it ends. */
  async shutDown(vm: ArmId): Promise<void> {
    const { box } = this.#config;
    const { key } = vmDirectory(box, vm);
    // From here on nobody starts its agent again.
    this.#running.delete(key);
    for (const name of [machineName(key), agentName(key)]) {
      const pid = runningProcess(box, name);
      if (pid !== undefined) await endProcess(pid, END_LIMIT_MILLIS);
    }
  }

  async powerOff(vm: ArmId): Promise<void> {
    const { box } = this.#config;
    const { key } = vmDirectory(box, vm);
    this.#running.delete(key);
    for (const name of [machineName(key), agentName(key)]) {
      const pid = runningProcess(box, name);
      if (pid !== undefined) await killProcess(box, name, pid);
    }
  }

  /** One that is made later under the same name is another machine, with boot images of its own. */
  async forget(vm: ArmId): Promise<void> {
    await rm(vmDirectory(this.#config.box, vm).path, { recursive: true, force: true });
  }

  /** Only the agent's own extension means anything here: its settings become the file that the agent waits for. */
  async installExtension(vm: ArmId, extension: VmExtension): Promise<void> {
    const directory = vmDirectory(this.#config.box, vm);
    if (!this.#running.get(directory.key)?.agent)
      throw new Error(`${vm} does not run, or has no agent in the path of its disks`);
    const settings = agentConfig.parse(extension.settings);
    const draft = `${directory.agentConfig}.tmp`;
    await writeFile(draft, `${JSON.stringify(settings, null, 2)}\n`);
    await rename(draft, directory.agentConfig);
  }

  /** A machine here has a database and no shell, and a script from outside is never run on the host of the box. */
  async runScript(): Promise<ScriptResult> {
    return { exitCode: 127, output: "", error: "The machines of the box have no shell." };
  }

  /** The agent stands still as well: it alone writes to the disks of a machine that has one. */
  async frozen(vm: ArmId, work: () => Promise<void>): Promise<void> {
    const running = this.#running.get(vmDirectory(this.#config.box, vm).key);
    const pids = [running?.machine, running?.agent].filter((pid) => pid !== undefined);
    await whileStopped(pids, work);
  }

  /** Here a machine's console is its log. */
  async console(vm: string): Promise<string> {
    const { box } = this.#config;
    return consoleEnd(box, machineName(vmDirectory(box, armId(vm)).key));
  }

  async state(vm: ArmId): Promise<"running" | "stopped"> {
    const running = this.#running.get(vmDirectory(this.#config.box, vm).key);
    return running && isAlive(running.machine) ? "running" : "stopped";
  }

  /** Pulls every plug: for the end of the box. */
  async powerOffAll(): Promise<void> {
    for (const { vm } of this.#running.values()) await this.powerOff(vm.id);
  }

  async #powerOn(vm: PoweredVm, directory: VmDirectory): Promise<void> {
    await mkdir(directory.spool, { recursive: true });
    const adopted = await this.#adopt(vm, directory);
    const running = adopted ?? (await this.#start(vm, directory));
    this.#running.set(directory.key, running);
    void this.#keepAgent(running);
  }

  async #adopt(vm: PoweredVm, directory: VmDirectory): Promise<Running | undefined> {
    const { box } = this.#config;
    const machine = runningProcess(box, machineName(directory.key));
    const agent = runningProcess(box, agentName(directory.key));
    for (const pid of [agent, machine]) if (pid !== undefined) goOn(pid);
    const info = await machineInfoOf(directory);
    if (machine === undefined || info?.pid !== machine || !(await isHealthy(info.url, machine)))
      return undefined;
    return { vm, directory, machine, agent };
  }

  async #start(vm: PoweredVm, directory: VmDirectory): Promise<Running> {
    await this.powerOff(vm.id);
    if (vm.disks.length === 0) throw new Error(`${vm.name} has no disk`);
    const { agentsOnCopies, keepBootImages } = this.#config;
    const isCopy = !this.#isListed(vm.id);
    if (isCopy && keepBootImages) await keepImages(vm, directory);
    const agent = !isCopy || agentsOnCopies ? this.#startAgent(vm, directory) : undefined;
    const urls = vm.disks.map(({ file }, n) =>
      agent === undefined ? pathToFileURL(file).href : nbdUrl(directory.socket, `disk${n}`),
    );
    const machine = await this.#startMachine(vm, directory, urls, agent);
    return { vm, directory, machine, agent };
  }

  #startAgent(vm: PoweredVm, directory: VmDirectory): number {
    const { box, caFile, spoolMebibytes } = this.#config;
    const disks = vm.disks.flatMap(({ file }) => ["--disk", file]);
    const places = ["--spool", directory.spool, "--config", directory.agentConfig];
    if (spoolMebibytes !== undefined) places.push("--spool-limit", String(spoolMebibytes));
    const quiesce = (what: string) => [process.execPath, QUIESCE, what, directory.info].map(quoted).join(" ");
    const freeze = ["--freeze-pre", quiesce("freeze"), "--freeze-post", quiesce("thaw")];
    return startProcess(box, {
      name: agentName(directory.key),
      script: AGENT,
      args: [...disks, "--listen", `unix:${directory.socket}`, ...places, ...freeze],
      env: { ...vm.identity, ...(caFile ? { NODE_EXTRA_CA_CERTS: caFile } : {}) },
    });
  }

  /** Comes up at the port it had before, so that its customers find it again. */
  async #startMachine(
    vm: PoweredVm,
    directory: VmDirectory,
    urls: readonly string[],
    agent?: number,
  ): Promise<number> {
    const { box } = this.#config;
    const name = machineName(directory.key);
    const former = await machineInfoOf(directory);
    const port = former ? new URL(former.url).port : "0";
    const disks = urls.flatMap((url) => ["--disk", url]);
    const args = [...disks, "--port", port, "--name", vm.name, "--info", directory.info];
    const pid = startProcess(box, { name, script: MACHINE, args, env: {} });
    const limit = performance.now() + START_LIMIT_MILLIS;
    while (!(await this.#isUp(directory, pid))) {
      const noAgent = agent !== undefined && !isAlive(agent);
      if (noAgent || !isAlive(pid) || performance.now() > limit) {
        await this.powerOff(vm.id);
        const words = lastWords(box, noAgent ? agentName(directory.key) : name);
        throw new Error(`${vm.name} did not come up:\n${words}`);
      }
      await sleep(WATCH_MILLIS);
    }
    return pid;
  }

  async #isUp(directory: VmDirectory, pid: number): Promise<boolean> {
    const info = await machineInfoOf(directory);
    return info?.pid === pid && (await isHealthy(info.url, pid));
  }

  /** As a service manager does: the agent comes back as long as its machine lives. */
  async #keepAgent(running: Running): Promise<void> {
    const { vm, directory } = running;
    while (running.agent !== undefined && this.#isCurrent(running)) {
      await sleep(WATCH_MILLIS);
      if (isAlive(running.agent)) continue;
      await sleep(RESTART_MILLIS);
      if (!this.#isCurrent(running)) return;
      running.agent = this.#startAgent(vm, directory);
      // Powered off while it was started: nobody else would know of it.
      if (!this.#isCurrent(running))
        await killProcess(this.#config.box, agentName(directory.key), running.agent);
    }
  }

  #isCurrent(running: Running): boolean {
    return this.#running.get(running.directory.key) === running && isAlive(running.machine);
  }

  #isListed(vm: ArmId): boolean {
    return this.#config.withAgent.some((id) => id.toLowerCase() === vm.toLowerCase());
  }
}

/** Sparse where the file system can; written whole before it gets its name. */
async function keepImages(vm: PoweredVm, directory: VmDirectory): Promise<void> {
  for (const [index, { file }] of vm.disks.entries()) {
    const image = bootImageOf(directory, index);
    if (existsSync(image)) continue;
    await copyFile(file, `${image}.tmp`, constants.COPYFILE_FICLONE);
    await rename(`${image}.tmp`, image);
  }
}

/** One word for the shell. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

const machineName = (key: string) => `machine-${key}`;
const agentName = (key: string) => `agent-${key}`;

async function isHealthy(url: string, pid: number): Promise<boolean> {
  try {
    const response = await fetch(new URL("/health", url));
    return z.object({ pid: z.number() }).parse(await response.json()).pid === pid;
  } catch {
    return false; // not listening yet, or someone else took its port
  }
}
