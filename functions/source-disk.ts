import { type Disk, getDisk } from "../engine/azure/disk.ts";
import type { VirtualMachine } from "../engine/azure/virtual-machine.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, armId } from "../engine/core/ids.ts";
import { type DiskIndex, MIB } from "../engine/core/units.ts";
import type { SourceDisk } from "../engine/recovery/item.ts";
import type { Services } from "./services.ts";

type StorageProfile = VirtualMachine["properties"]["storageProfile"];
/** A managed disk as it hangs on its machine. */
export type AttachedDisk = (StorageProfile["osDisk"] | StorageProfile["dataDisks"][number]) & {
  readonly id: ArmId;
};

/** The OS disk first, then the data disks by LUN. @throws SourceUnsuitable for one that is no managed disk */
export function attachedTo({ id: vm, properties }: VirtualMachine): AttachedDisk[] {
  const { osDisk, dataDisks } = properties.storageProfile;
  return [osDisk, ...dataDisks.toSorted((a, b) => a.lun - b.lun)].map((disk) => {
    if (!disk.managedDisk) throw unsuitable(`${vm} has a disk that is not a managed one: ${disk.name}`);
    return { ...disk, id: disk.managedDisk.id };
  });
}

/** What a failover needs of the disk. @throws SourceUnsuitable for one that cannot be protected */
export async function sourceDisk(
  { arm }: Pick<Services, "arm">,
  attached: AttachedDisk,
  index: DiskIndex,
): Promise<SourceDisk> {
  const found = await getDisk(arm, attached.id);
  checkSize(found);
  const { properties: p } = found;
  const { diskEncryptionSetId: encryptionSet } = p.encryption ?? {};
  return {
    index,
    id: attached.id,
    name: found.name,
    size: p.diskSizeBytes,
    sku: found.sku?.name ?? "Standard_LRS",
    caching: attached.caching,
    hyperVGeneration: p.hyperVGeneration,
    securityType: p.securityProfile?.securityType ?? undefined,
    architecture: p.supportedCapabilities?.architecture ?? undefined,
    controllers: p.supportedCapabilities?.diskControllerTypes ?? undefined,
    ...(encryptionSet && { encryptionSet: armId(encryptionSet) }),
    purchasePlan: p.purchasePlan ?? undefined,
    ...("lun" in attached ? { lun: attached.lun } : { osType: attached.osType ?? p.osType ?? "Linux" }),
  };
}

function checkSize({ id, properties }: Disk): void {
  const size = properties.diskSizeBytes;
  if (size === 0 || size % MIB !== 0)
    throw unsuitable(`${id} has ${size} bytes, which is no whole number of MiB`);
  if (size > 8 * 1024 ** 4) throw unsuitable(`${id} is larger than 8 TiB`);
}

export const unsuitable = (message: string): LeewardError => new LeewardError("SourceUnsuitable", message);
