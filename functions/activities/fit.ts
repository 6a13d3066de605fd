import type { ArmClient } from "../../engine/azure/arm.ts";
import { isThere } from "../../engine/azure/resource.ts";
import { listUsages } from "../../engine/azure/usage.ts";
import { type VirtualMachine, findVirtualMachine } from "../../engine/azure/virtual-machine.ts";
import { getDisk } from "../../engine/azure/disk.ts";
import { findNetworkInterface } from "../../engine/azure/network.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type Alternative, shapeOf } from "../../engine/eligibility/alternatives.ts";
import { type Fit, type FitFacts, fitOf } from "../../engine/eligibility/fit.ts";
import type { Counted } from "../../engine/eligibility/quota.ts";
import type { SizeNeeds } from "../../engine/eligibility/size-fit.ts";
import type { Offer } from "../../engine/eligibility/survey.ts";
import { copyDisks } from "../../engine/recovery/disk-set.ts";
import { sizeOf, wishOf } from "../../engine/recovery/build-choice.ts";
import { type ItemRecord, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import { accelerates, placeOf, roleIn, targetDisk, targetNic } from "../../engine/recovery/target-names.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import type { AtPoint, Copy } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { note, noteBuilt } from "./failover-note.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";

/** Microseconds: restrictions come and go when a region is in need. */
const OLDEST = 5 * 60e6;
/** So many sizes are named. */
const MOST_NAMED = 5;

export const fitActivities = {
  async checkFit(at, { services }) {
    const item = await itemOf(services, at.machine);
    await refuseForeign(services, item, at);
    const { fit, unread } = await look(services, item, at);
    await noteFit(services, item, at, fit);
    if (unread.length > 0)
      await note(services, at, `the target region was not checked: ${unread.join("; ")}`);
    if (fit.problems.length === 0) return null;
    const why = fit.problems.map(({ code, message }) => `${code}: ${message}`).join("; ");
    const words = `${why}. ${named(fit.alternatives)}`;
    if (!wishOf(item, at).acceptUnfit) throw new LeewardError("TargetUnfit", words);
    await note(services, at, `built all the same: ${words}`);
    return null;
  },

  /** The region says so only when it is asked to build: what it offered and what it has left are two things. */
  async offerSizes({ refused, ...at }, { services }) {
    const item = await itemOf(services, at.machine);
    const { fit } = await look(services, item, at, true);
    await noteFit(services, item, at, fit);
    throw new LeewardError("TargetUnfit", `${refused}. ${named(fit.alternatives)}`);
  },
} satisfies Partial<Implementations>;

/** Better before any disk is built than behind it; where Azure does not answer, the making of the VM finds out. @throws ForeignResource */
async function refuseForeign(services: Services, item: ItemRecord, copy: Copy): Promise<void> {
  const target = copyOf(item, copy);
  try {
    const owner = { machine: item.machine, role: roleIn(target, "vm") };
    await isThere(armFor(services, copy), target.vm, owner);
  } catch (error) {
    if (!(error instanceof LeewardError) || hasCode(error, "ForeignResource")) throw error;
  }
}

function named(sizes: readonly Alternative[]): string {
  if (sizes.length === 0) return "No other size that would do is known";
  const words = sizes
    .slice(0, MOST_NAMED)
    .map(({ size, cores, memory }) => `${size} (${cores} cores, ${memory} GiB)`);
  return `Sizes that would do, nearest first: ${words.join(", ")}`;
}

/** @param refused the size was asked for and could not be had, whatever the lists say */
async function look(
  services: Services,
  item: ItemRecord,
  at: AtPoint,
  refused = false,
): Promise<{ fit: Fit; unread: string[] }> {
  const { settings, offerOf } = services;
  const { region } = targetOf(item);
  const arm = armFor(services, at);
  const unread: string[] = [];
  const tried = async <Value>(what: string, reading: Promise<Value>): Promise<Value | undefined> => {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof LeewardError)) throw error;
      unread.push(`${what}: ${error.message}`);
      return undefined;
    }
  };
  const usages = (provider: "Microsoft.Compute" | "Microsoft.Network") =>
    tried(`quotas of ${provider}`, listUsages(arm, settings.subscription, provider, region));
  const [fresh, compute, network] = await Promise.all([
    tried("sizes", offerOf(settings.subscription, region, OLDEST)),
    usages("Microsoft.Compute"),
    usages("Microsoft.Network"),
  ]);
  // An older list is better than none.
  const offer = fresh ?? (await offerOf(settings.subscription, region).catch(() => undefined));
  const facts = { ...factsOf(item, at, offer), quotas: { compute, network } };
  const first = fitOf(facts);
  if (first.problems.length === 0 && !refused) return { fit: first, unread };
  // Only where room is short it matters what is there from an earlier try.
  const held = (await tried("what there is", heldOf(arm, item, at, offer))) ?? NOTHING;
  return { fit: fitOf({ ...facts, held }, refused), unread };
}

const NOTHING: Counted = { machines: 0, cores: 0, diskKinds: [], interfaces: 0 };

function factsOf(item: ItemRecord, copy: Copy, offer: Offer | undefined): Omit<FitFacts, "quotas"> {
  const source = sourceOf(item);
  const target = targetOf(item);
  const size = sizeOf(item, copy);
  const diskKinds = kindsOf(item, copy);
  const profile = source.securityProfile ?? {};
  const disks = copyDisks(item, copy);
  const os = disks.find((disk) => disk.osType);
  const needs: SizeNeeds = {
    dataDisks: disks.length - 1,
    interfaces: source.nics.length,
    diskKinds,
    ultra: source.ultraDisks === true || diskKinds.some((kind) => kind.startsWith("Ultra")),
    generation: os?.hyperVGeneration,
    architecture: os?.architecture,
    controller: source.diskController,
    trustedLaunch: profile["securityType"] === "TrustedLaunch",
    hostEncryption: profile["encryptionAtHost"] === true,
    acceleratedNetworking: source.nics.some((nic) => accelerates(nic, placeOf(target, nic))),
    zone: target.zone,
  };
  return {
    region: target.region,
    size,
    // Of another size than the source's only the region can say what it is like.
    like: size === source.vmSize ? source.shape : undefined,
    needs,
    counted: { machines: 1, diskKinds, interfaces: source.nics.length },
    held: NOTHING,
    offer,
  };
}

const kindsOf = (item: ItemRecord, copy: Copy): string[] =>
  copyDisks(item, copy).map(
    ({ index, sku }) => targetOf(item).disks?.find((one) => one.index === index)?.sku ?? sku,
  );

/** What quotas count already: an earlier try's machine, disks of this point and interfaces. */
async function heldOf(
  arm: ArmClient,
  item: ItemRecord,
  { point, ...copy }: AtPoint,
  offer: Offer | undefined,
): Promise<Counted> {
  const target = copyOf(item, copy);
  const { nics } = sourceOf(item);
  const disks = copyDisks(item, copy);
  const vm: VirtualMachine | undefined = await findVirtualMachine(arm, target.vm);
  const size = vm && offer?.sizes.get(vm.properties.hardwareProfile.vmSize.toLowerCase());
  const kinds = await Promise.all(
    disks.map(async ({ name }) => {
      const id = targetDisk(target, name, point);
      const there = await isThere(arm, id, { machine: item.machine, role: roleIn(target, "disk") });
      return there ? ((await getDisk(arm, id)).sku?.name ?? "") : undefined;
    }),
  );
  const cards = await Promise.all(nics.map(({ name }) => findNetworkInterface(arm, targetNic(target, name))));
  return {
    machines: vm ? 1 : 0,
    cores: size ? shapeOf(size).cores : 0,
    family: size ? shapeOf(size).family : undefined,
    diskKinds: kinds.filter((kind) => kind !== undefined),
    interfaces: cards.filter((nic) => nic !== undefined).length,
  };
}

async function noteFit(services: Services, item: ItemRecord, copy: Copy, fit: Fit): Promise<void> {
  const alternatives = fit.alternatives.slice(0, MOST_NAMED).map(({ size }) => size);
  const found = { size: sizeOf(item, copy), accelerates: fit.accelerates, alternatives };
  await noteBuilt(services, copy, () => ({ fit: found }));
}
