import { hash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import type { ArmId } from "../../engine/core/ids.ts";

/** Where the box keeps what belongs to one VM. All paths are absolute. */
export interface VmDirectory {
  /** `<resource group>.<name>`, lower case: unlike the name alone it is not shared by a VM and its failed-over copy. */
  readonly key: string;
  readonly path: string;
  /** `agentConfig` as JSON; the agent waits for it. */
  readonly agentConfig: string;
  readonly spool: string;
  readonly socket: string;
  /** `{ pid, url }` of the running machine. */
  readonly info: string;
}

/** Sockets have a limit of 108 bytes on Linux and 104 on macOS. */
const MAX_SOCKET_PATH = 100;

/** @throws RangeError when the id is not one of a virtual machine. */
export function vmDirectory(box: string, vm: ArmId): VmDirectory {
  const found = /\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+)$/i.exec(
    vm,
  );
  if (!found) throw new RangeError(`not the id of a virtual machine: ${vm}`);
  const key = `${found[1]}.${found[2]}`.toLowerCase();
  const directory = path.resolve(box, "vms", key);
  const near = path.join(directory, "agent.sock");
  const far = path.join(tmpdir(), `leeward-${hash("sha256", directory).slice(0, 16)}.sock`);
  return {
    key,
    path: directory,
    agentConfig: path.join(directory, "agent.json"),
    spool: path.join(directory, "spool"),
    socket: near.length <= MAX_SOCKET_PATH ? near : far,
    info: path.join(directory, INFO),
  };
}

/** Copy of a disk, by its place among the VM's disks, as it was when the VM first started. */
export const bootImageOf = (directory: VmDirectory, disk: number): string =>
  path.join(directory.path, `boot-${disk}.img`);

const INFO = "machine.json";
const machineInfo = z.object({ pid: z.number().int(), url: z.url() });
export type MachineInfo = z.infer<typeof machineInfo>;

/** Every machine of the box that ever started, with its key. */
export async function machinesIn(box: string): Promise<(MachineInfo & { readonly key: string })[]> {
  const keys = await readdir(path.resolve(box, "vms")).catch(() => []);
  const found = await Promise.all(
    keys.map(async (key) => ({
      key,
      info: await readInfo(path.resolve(box, "vms", key, INFO)),
    })),
  );
  return found.flatMap(({ key, info }) => (info ? [{ key, ...info }] : []));
}

/** What the machine said of itself when it last started; undefined when it never did. */
export const machineInfoOf = (directory: VmDirectory): Promise<MachineInfo | undefined> =>
  readInfo(directory.info);

async function readInfo(file: string): Promise<MachineInfo | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : machineInfo.parse(JSON.parse(text));
}
