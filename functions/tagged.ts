import { createHash } from "node:crypto";
import type { DurableClient } from "durable-functions";
import { z } from "zod";
import { type EventGridEvent, VALIDATION, WRITTEN, validation } from "../engine/contract/event-grid.ts";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../engine/core/ids.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import { enable } from "./begin.ts";
import { checkInput } from "./http.ts";
import { PLACE } from "./paths.ts";
import { policyIn } from "./default-policy.ts";
import type { Services } from "./services.ts";

const TAG = "leeward";
const PROTECT = "protect";

/** What became of a machine that was written, and why. */
interface Outcome {
  readonly machine: string;
  readonly protected: boolean;
  readonly why: string;
}

interface Talk {
  readonly services: Services;
  readonly client: DurableClient;
}

/**
 * Protects the machines that were written and carry the tag. An event only says where to look: what counts is the machine
 * as it is now, so that events may come late, twice or out of order.
 * @throws NotFound where protection by tag is off; ArmUnavailable when a machine could not be read: the whole batch may come again
 */
export async function takeEvents(talk: Talk, events: readonly EventGridEvent[]) {
  const code = events.find(({ eventType }) => eventType === VALIDATION);
  if (code) return { validationResponse: checkInput(validation, code.data).validationCode };
  const group = talk.services.settings.tagTargetGroup;
  if (group === undefined)
    throw new LeewardError("NotFound", "protection by tag is off: LEEWARD_TAG_TARGET_GROUP is not set");
  const written = new Map<string, { readonly vm: ArmId; readonly token: string }>();
  for (const { eventType, subject, id } of events) {
    const vm = eventType === WRITTEN ? machineIn(subject) : undefined;
    if (vm) written.set(vm.toLowerCase(), { vm, token: id });
  }
  const outcomes: Outcome[] = [];
  for (const { vm, token } of written.values()) outcomes.push(await protectTagged(talk, vm, group, token));
  return { outcomes };
}

/** Tags are written as a resource of their own, below the machine. */
const MACHINE =
  /^(\/subscriptions\/[\w-]+\/resourceGroups\/[\w.()-]+\/providers\/Microsoft\.Compute\/virtualMachines\/[\w.-]+)(?:\/providers\/Microsoft\.Resources\/tags\/default)?$/i;

function machineIn(subject: string): ArmId | undefined {
  const id = MACHINE.exec(subject)?.[1];
  return id === undefined ? undefined : armId(id);
}

async function protectTagged(
  { services, client }: Talk,
  vm: ArmId,
  group: ArmId,
  token: string,
): Promise<Outcome> {
  const ignored = (why: string): Outcome => ({ machine: vm, protected: false, why });
  const { subscription, region } = services.settings;
  if (vm.split("/")[2]?.toLowerCase() !== subscription.toLowerCase())
    return ignored("of another subscription");
  for await (const item of services.records.items.list())
    if (sameArmId(item.vmId, vm)) return ignored(`protected already, as ${item.id}`);
  const found = await readMachine(services, vm);
  if (typeof found === "string") return ignored(found);
  if (found.tags?.[TAG] !== PROTECT) return ignored(`not tagged ${TAG}: ${PROTECT}`);
  if (found.location.toLowerCase() === region) return ignored("in the target region itself");
  if (found.tags["leeward-machine"] !== undefined) return ignored("built by a failover");
  const id = itemFor(services, vm);
  const wish = {
    id,
    vmId: vm,
    policy: policyIn(services.settings).parse({}),
    request: { resourceGroup: group },
  };
  await enable(services, client, wish, { now: services.clock.now(), token });
  return { machine: vm, protected: true, why: `as ${id}` };
}

const machine = z.object({ location: z.string(), tags: z.record(z.string(), z.string()).nullish() });

/** The machine, or why it is none of ours to read. */
async function readMachine({ arm }: Services, vm: ArmId): Promise<z.infer<typeof machine> | string> {
  try {
    const body = await arm.find(vm);
    return body === undefined ? "gone" : machine.parse(body);
  } catch (error) {
    // Machines of groups that nobody gave to this app are none of its business, tagged or not.
    if (hasCode(error, "ArmFailed")) return "not to be read by this app";
    throw error;
  }
}

/** Machines of several groups may have one name. */
function itemFor({ settings: { subscription, vaultGroup, vault } }: Services, vm: ArmId): ArmId {
  const digest = createHash("sha256").update(vm.toLowerCase()).digest("hex").slice(0, 8);
  const at = `/subscriptions/${subscription}/resourceGroups/${vaultGroup}/providers/Microsoft.RecoveryServices/vaults/${vault}`;
  const container = `${at}/replicationFabrics/${PLACE.fabric}/replicationProtectionContainers/${PLACE.container}`;
  return armId(`${container}/replicationProtectedItems/${lastSegment(vm)}-${digest}`);
}
