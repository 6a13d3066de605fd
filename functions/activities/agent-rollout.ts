import type { ArmClient } from "../../engine/azure/arm.ts";
import { isThere, remove } from "../../engine/azure/resource.ts";
import { ensureRunCommand, findRunCommand, runCommandId } from "../../engine/azure/run-command.ts";
import {
  ensureVmExtension,
  extensionId,
  findExtensionView,
  listVmExtensions,
} from "../../engine/azure/vm-extension.ts";
import { type AgentConfig, agentConfig } from "../../engine/contract/agent-api.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { INSTALL_LIMIT_SECONDS, REMOVAL_SCRIPT, installScript } from "../../engine/recovery/agent-rollout.ts";
import { type ItemRecord, sourceOf } from "../../engine/recovery/item.ts";
import { withDeleted } from "../../engine/recovery/removed.ts";
import { resourceTypeOf } from "../../engine/core/ids.ts";
import { noteRemoved } from "./note-removed.ts";
import { agentPackage } from "../agent-package.ts";
import type { Services } from "../services.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf } from "./tools.ts";

/** Of the extension and of the run command. */
const NAME = "LeewardAgent";
const SCRIPT = { publisher: "Microsoft.Azure.Extensions", type: "CustomScript", version: "2.1" };
/** Where the platform installs the agent itself, and wants its settings only. */
const HANDLER = { publisher: "Leeward", type: "Agent", version: "1.0" };
/** What is said of a script stands in a history. */
const MOST_SAID = 1000;

const extensionOf = ({ vmId }: ItemRecord) => extensionId(vmId, NAME);
const commandOf = ({ vmId }: ItemRecord) => runCommandId(vmId, NAME);
/** In place of a path, as the agent takes it. */
const FREE_PLACE = "-";

const ownerOf = ({ machine }: ItemRecord) => ({ machine, role: "agent" });

export const rolloutActivities = {
  /** By an extension; by a run command when the VM's owner uses the one extension of this kind that a VM can have. */
  async installAgent({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const { arm, settings } = services;
    const own = { id: extensionOf(item), location: sourceOf(item).region, owner: ownerOf(item) };
    if (settings.agentRollout === "handler")
      return sent(await ensureVmExtension(arm, { ...own, ...HANDLER, settings: configOf(services, item) }));
    const script = await scriptFor(services, item);
    if (await isTaken(arm, item)) return byCommand(arm, item, script);
    const encoded = Buffer.from(script).toString("base64");
    return sent(await ensureVmExtension(arm, { ...own, ...SCRIPT, settings: { script: encoded } }));
  },

  async installAgentByCommand({ machine }, { services }) {
    const item = await itemOf(services, machine);
    return byCommand(services.arm, item, await scriptFor(services, item));
  },

  async observeInstall({ machine }, { services: { arm, records } }) {
    const item = await itemOf({ records }, machine);
    const command = await findRunCommand(arm, commandOf(item));
    const view = command ?? (await findExtensionView(arm, extensionOf(item)));
    if (!view) return { carrier: "none", state: "none", said: "" };
    return { ...view, carrier: command ? "command" : "extension", said: view.said.slice(-MOST_SAID) };
  },

  async removeAgent({ machine }, { services: { arm, records, settings } }) {
    if (settings.agentRollout === "handler") return {};
    return byCommand(arm, await itemOf({ records }, machine), REMOVAL_SCRIPT);
  },

  async dropAgentExtension({ machine }, { services }) {
    const item = await itemOf(services, machine);
    return sent(await removeOurs(services, item, extensionOf(item)));
  },

  async dropAgentCommand({ machine }, { services }) {
    const item = await itemOf(services, machine);
    return sent(await removeOurs(services, item, commandOf(item)));
  },
} satisfies Partial<Implementations>;

/** Azure allows one extension of each kind. */
async function isTaken(arm: ArmClient, { vmId }: ItemRecord): Promise<boolean> {
  const kind = `${SCRIPT.publisher}.${SCRIPT.type}`;
  const extensions = await listVmExtensions(arm, vmId);
  return extensions.some((one) => one.kind === kind && one.name.toLowerCase() !== NAME.toLowerCase());
}

function configOf({ settings }: Pick<Services, "settings">, { machine, request }: ItemRecord): AgentConfig {
  const { publicUrl: endpoint, audience } = settings;
  return agentConfig.parse({ endpoint, audience, machine, freeze: request.freeze });
}

async function scriptFor(services: Pick<Services, "settings">, item: ItemRecord): Promise<string> {
  return installScript({
    package: await agentPackage(services.settings.publicUrl),
    config: configOf(services, item),
    disks: disksOf(item),
    node: services.settings.agentNode,
  });
}

/** By their place on the VM, as Azure's own udev rules name them; a disk that was removed leaves its place free. */
function disksOf(item: ItemRecord): string[] {
  const { disks } = sourceOf(item);
  const places = Array.from({ length: (disks.at(-1)?.index ?? -1) + 1 }, (_, n) =>
    disks.find(({ index }) => index === n),
  );
  return places.map((disk) => {
    if (!disk) return FREE_PLACE;
    const { name, lun, osType } = disk;
    if (osType === "Windows") throw unsuitable(`${item.vmId} runs Windows, for which there is no agent`);
    if (lun === undefined)
      throw unsuitable(
        `the machine boots from ${name}: an agent cannot stand before the disk that it is started from. Data disks alone, or machines whose disks are served from outside, can be captured by it`,
      );
    return `/dev/disk/azure/scsi1/lun${lun}`;
  });
}

const unsuitable = (message: string) => new LeewardError("SourceUnsuitable", message);

async function byCommand(arm: ArmClient, item: ItemRecord, script: string) {
  const { region: location } = sourceOf(item);
  const limit = { timeoutSeconds: INSTALL_LIMIT_SECONDS };
  return sent(
    await ensureRunCommand(arm, { id: commandOf(item), location, script, owner: ownerOf(item), ...limit }),
  );
}

/** What has the name and is not ours stays. Where protection ends, it is on the list before it is deleted. */
async function removeOurs(
  { arm, records }: Pick<Services, "arm" | "records">,
  item: ItemRecord,
  id: ReturnType<typeof commandOf>,
) {
  const owner = ownerOf(item);
  try {
    if (item.state === "Disabling" && (await isThere(arm, id, owner))) {
      const thing = { type: resourceTypeOf(id), name: id };
      await noteRemoved({ records }, item.job.operation, (old) => withDeleted(old, [thing]));
    }
    return await remove(arm, id, owner);
  } catch (error) {
    if (hasCode(error, "ForeignResource")) return { id };
    throw error;
  }
}
