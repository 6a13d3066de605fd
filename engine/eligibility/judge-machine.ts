import { MIB, MOST_DISKS } from "../core/units.ts";
import { powerStateOf } from "../azure/virtual-machine.ts";
import type { Found, FindingCode } from "../recovery/findings.ts";
import type { Survey, SurveyedDisk } from "./survey.ts";

type Judgement = readonly [code: FindingCode, wrong: boolean, message: string];

/** What is wrong with the source itself. */
export const judgeMachine = (survey: Survey): Found[] => [
  ...foundIn(wholes(survey)),
  ...survey.disks.flatMap(judgeDisk),
];

/** What is wrong with one of its disks. */
export const judgeDisk = (disk: SurveyedDisk): Found[] => foundIn(ofDisk(disk));

const foundIn = (judgements: readonly Judgement[]): Found[] =>
  judgements.filter(([, wrong]) => wrong).map(([code, , message]) => ({ code, message }));

function wholes({ machine, unmanaged, disks, nics, target, capture }: Survey): Judgement[] {
  const { properties: p, name, identity } = machine;
  const power = powerStateOf(machine);
  const agent = p.instanceView?.vmAgent?.statuses[0];
  const ready = agent === undefined || /\/succeeded$/i.test(agent.code) || agent.displayStatus === "Ready";
  const count = disks.length + unmanaged.length;
  const byAgent = capture.provider === "nbd";
  return [
    ["RegionIsTarget", isRegion(machine.location, target.region), `${name} is in ${machine.location}`],
    ["IdentityMissing", byAgent && !identity?.principalId, `${name} has no system-assigned identity`],
    [
      "BootDiskByAgent",
      byAgent && capture.rollout === "script" && disks.some(({ os }) => os),
      `${name} boots from a disk that an agent is to capture`,
    ],
    ["NetworkMissing", nics.length === 0, `${name} has no network interface`],
    ...nics.map(({ name: nic, properties }): Judgement => [
      "NetworkMissing",
      !properties.ipConfigurations[0]?.properties.subnet,
      `${nic} of ${name} is in no subnet`,
    ]),
    [
      "VmConfidential",
      p.securityProfile?.securityType === "ConfidentialVM",
      `${name} is a confidential machine`,
    ],
    ["VmOnDedicatedHost", Boolean(p.host ?? p.hostGroup), `${name} is on a dedicated host`],
    [
      "DiskEphemeral",
      Boolean(p.storageProfile.osDisk.diffDiskSettings),
      `the OS disk of ${name} is ephemeral`,
    ],
    ...unmanaged.map((disk): Judgement => ["DiskUnmanaged", true, `${disk} of ${name} is no managed disk`]),
    ["DisksTooMany", count > MOST_DISKS, `${name} has ${count} disks, and ${MOST_DISKS} can be protected`],
    [
      "DiskEncryptedInGuest",
      Boolean(p.storageProfile.osDisk.encryptionSettings),
      `the disks of ${name} are encrypted by Azure Disk Encryption`,
    ],
    ["VmStopped", power !== undefined && power !== "running", `${name} is ${power}`],
    [
      "GuestAgentSilent",
      power === "running" && !ready,
      `the guest agent of ${name} is ${agent?.displayStatus ?? agent?.code ?? "silent"}`,
    ],
  ];
}

const MOST_BYTES = 8 * 1024 ** 4;

function ofDisk({ disk, caching, accelerated }: SurveyedDisk): Judgement[] {
  const { name, properties: p } = disk;
  const size = p.diskSizeBytes;
  return [
    ["DiskShared", (p.maxShares ?? 1) > 1, `${name} may be attached to ${p.maxShares ?? 1} machines at once`],
    ["DiskTooLarge", size > MOST_BYTES, `${name} has ${Math.ceil(size / 1024 ** 4)} TiB`],
    ["DiskSizeOdd", size === 0 || size % MIB !== 0, `${name} has ${size} bytes`],
    [
      "DiskEncryptedInGuest",
      p.encryptionSettingsCollection?.enabled === true,
      `${name} is encrypted by Azure Disk Encryption`,
    ],
    [
      "DiskCustomerKey",
      Boolean(p.encryption?.diskEncryptionSetId),
      `${name} is encrypted by ${p.encryption?.diskEncryptionSetId ?? ""}`,
    ],
    ["DiskCachedWrites", caching === "ReadWrite", `${name} is cached for reading and writing`],
    ["DiskAccelerated", accelerated, `${name} has a write accelerator`],
  ];
}

const isRegion = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
