import type { UpdateItemRequest } from "../engine/contract/update-item.ts";
import type { VmNic } from "../engine/contract/vm-nic.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import { type ItemRecord, lastSegment } from "../engine/recovery/item.ts";
import { testMachine } from "../engine/recovery/target-names.ts";
import { disksOf } from "./disk-details.ts";
import { type Fixed, TEST, nicFields } from "./fixed-nic.ts";

type Asked = UpdateItemRequest["properties"];

/**
 * ASR's clients send every field that they know, most of them as they have read them. What cannot be changed is taken as long as it
 * says what there is, and never dropped in silence.
 * @param nics as the item shows them
 * @throws InvalidRequest naming the field
 */
export function checkFixed(item: ItemRecord, asked: Asked, nics: readonly VmNic[]): void {
  const all = [...machineFields(item, asked), ...nicFields(nics, asked.vmNics), ...diskFields(item, asked)];
  const wrong = all.find(isOther);
  if (wrong) throw new LeewardError("InvalidRequest", `properties.${wrong.field}: ${wrong.why}`);
}

function isOther({ sent, shown }: Fixed): boolean {
  if (sent === undefined) return false;
  if (Array.isArray(sent)) return sent.length > 0;
  return typeof sent === "string" ? sent.toLowerCase() !== String(shown ?? "").toLowerCase() : sent !== shown;
}

function machineFields(item: ItemRecord, asked: Asked): Fixed[] {
  const { source, target } = item;
  const details = asked.providerSpecificDetails;
  const licence = source?.licenseType === "Windows_Server" ? "WindowsServer" : "NoLicenseType";
  const fixed = (field: string, sent: unknown, shown: Fixed["shown"], why: string): Fixed => ({
    field,
    sent,
    shown,
    why,
  });
  const own = (field: string, sent: unknown, shown: Fixed["shown"], why: string): Fixed =>
    fixed(`providerSpecificDetails.${field}`, sent, shown, why);
  return [
    fixed(
      "licenseType",
      asked.licenseType === "NotSpecified" ? undefined : asked.licenseType,
      licence,
      "a copy has the source's licence",
    ),
    fixed("enableRdpOnTargetOption", asked.enableRdpOnTargetOption, "Never", "nothing is changed in a guest"),
    fixed(
      "selectedSourceNicId",
      asked.selectedSourceNicId,
      source?.nics.find(({ primary }) => primary)?.id,
      "the primary interface stays the source's",
    ),
    fixed("selectedTfoAzureNetworkId", asked.selectedTfoAzureNetworkId, item.test?.place.network, TEST),
    own(
      "recoveryResourceGroupId",
      details?.recoveryResourceGroupId,
      item.request.resourceGroup,
      "what was made there stays there; enable anew for another group",
    ),
    own(
      "recoveryCloudServiceId",
      details?.recoveryCloudServiceId,
      null,
      "there are no cloud services any more",
    ),
    own("tfoAzureVMName", details?.tfoAzureVMName, target && lastSegment(testMachine(target)), TEST),
    own("diskEncryptionInfo", details?.diskEncryptionInfo, null, "disks keep the encryption that they have"),
  ];
}

const diskFields = (item: ItemRecord, { providerSpecificDetails: details }: Asked): Fixed[] =>
  (details?.managedDiskUpdateDetails ?? []).flatMap((sent, at) => {
    const disk = item.source?.disks.find(({ id }) => sameArmId(id, sent.diskId));
    if (!disk) return [];
    const { built, tested } = disksOf(item, disk);
    const field = `providerSpecificDetails.managedDiskUpdateDetails.${at}`;
    const why = "a disk is called after the source's and its point";
    return [
      {
        field: `${field}.failoverDiskName`,
        sent: sent.failoverDiskName,
        shown: built && lastSegment(built),
        why,
      },
      { field: `${field}.tfoDiskName`, sent: sent.tfoDiskName, shown: tested && lastSegment(tested), why },
      {
        field: `${field}.diskEncryptionInfo`,
        sent: sent.diskEncryptionInfo,
        why: "disks keep the encryption that they have",
      },
    ];
  });
