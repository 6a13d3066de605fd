import type { UpdateItemRequest } from "../engine/contract/update-item.ts";
import type { VmNic } from "../engine/contract/vm-nic.ts";
import { lastSegment } from "../engine/recovery/item.ts";

export type Nic = UpdateItemRequest["properties"]["vmNics"][number];
type IpConfig = Nic["ipConfigs"][number];

/** A field of ASR's that cannot be changed here: what was sent, and what there is. */
export interface Fixed {
  readonly field: string;
  readonly sent: unknown;
  readonly shown?: string | boolean | null | undefined;
  readonly why: string;
}

export const TEST = "a test is built in the network that it names, beside the machine";
const PLAIN = "no public address is taken over, and no load balancer is joined";

/** The interface that is meant, among those of the item's view. */
export const shownOf = (all: readonly VmNic[], { nicId }: Nic): VmNic | undefined =>
  all.find((one) => lastSegment(one.nicId).toLowerCase() === lastSegment(nicId).toLowerCase());

/** @param all as the item shows them */
export const nicFields = (all: readonly VmNic[], sent: readonly Nic[]): Fixed[] =>
  sent.flatMap((nic, at) => {
    const shown = shownOf(all, nic);
    return shown ? fieldsOf(nic, shown).map((one) => ({ ...one, field: `vmNics.${at}.${one.field}` })) : [];
  });

function fieldsOf(nic: Nic, shown: VmNic): Fixed[] {
  const unselected = nic.selectionType?.toLowerCase() === "notselected" ? nic.selectionType : undefined;
  const [primary] = primaryFirst(nic.ipConfigs);
  const kept = ["recoveryNicResourceGroupName", "reuseExistingNic"] as const;
  const tests = [
    "tfoReuseExistingNic",
    "tfoNetworkSecurityGroupId",
    "enableAcceleratedNetworkingOnTfo",
  ] as const;
  return [
    { field: "selectionType", sent: unselected, why: "every interface of the machine is taken over" },
    ...kept.map((field) => ({
      field,
      sent: nic[field],
      shown: shown[field],
      why: "an interface is made for each failover, in the machine's group",
    })),
    ...tests.map((field) => ({ field, sent: nic[field], shown: shown[field], why: TEST })),
    { field: "tfoNicName", sent: nic.tfoNicName, shown: shown.tfoRecoveryNicName, why: TEST },
    {
      field: "tfoNicResourceGroupName",
      sent: nic.tfoNicResourceGroupName,
      shown: shown.tfoRecoveryNicResourceGroupName,
      why: TEST,
    },
    ...nic.ipConfigs.flatMap((config, at) =>
      addressFields(config, shown, config === primary ? undefined : (primary?.recoverySubnetName ?? "")).map(
        (one) => ({ ...one, field: `ipConfigs.${at}.${one.field}` }),
      ),
    ),
  ];
}

/** Which of an interface's addresses can be chosen: the one that says that it is primary, or else the first. */
export const primaryFirst = (configs: readonly IpConfig[]): IpConfig[] =>
  configs.toSorted((a, b) => Number(b.isPrimary ?? false) - Number(a.isPrimary ?? false));

/** @param beside where the primary address is to go; undefined for that itself */
function addressFields(config: IpConfig, { ipConfigs }: VmNic, beside: string | undefined): Fixed[] {
  const named = ipConfigs.find(({ name }) => name.toLowerCase() === config.ipConfigName?.toLowerCase());
  const shown = named ?? ipConfigs.find(({ isPrimary }) => isPrimary === (beside === undefined));
  if (!shown)
    return [{ field: "ipConfigName", sent: config.ipConfigName, why: "the interface has none of this name" }];
  const tests = [
    "tfoSubnetName",
    "tfoStaticIPAddress",
    "tfoPublicIPAddressId",
    "tfoLBBackendAddressPoolIds",
  ] as const;
  const never = ["recoveryPublicIPAddressId", "recoveryLBBackendAddressPoolIds"] as const;
  const subnet = beside === "" ? shown.recoverySubnetName : beside;
  return [
    {
      field: "isPrimary",
      sent: config.isPrimary,
      shown: shown.isPrimary,
      why: "the primary address stays the source's",
    },
    {
      field: "isSeletedForFailover",
      sent: config.isSeletedForFailover,
      shown: true,
      why: "every address is asked for",
    },
    ...never.map((field) => ({ field, sent: config[field], why: PLAIN })),
    ...tests.map((field) => ({
      field,
      sent: config[field],
      shown: field === "tfoLBBackendAddressPoolIds" ? null : shown[field],
      why: TEST,
    })),
    ...(subnet === undefined
      ? []
      : [
          {
            field: "recoverySubnetName",
            sent: config.recoverySubnetName && lastSegment(config.recoverySubnetName),
            shown: lastSegment(subnet),
            why: "all addresses of an interface are in the subnet of its primary one",
          },
          {
            field: "recoveryStaticIPAddress",
            sent: config.recoveryStaticIPAddress,
            shown: shown.recoveryStaticIPAddress,
            why: "only the primary address can be chosen",
          },
        ]),
  ];
}
