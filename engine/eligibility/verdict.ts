import { type ArmId, sameArmId } from "../core/ids.ts";
import { FINDINGS, type Found, isError } from "../recovery/findings.ts";
import { type SourceDisk, lastSegment } from "../recovery/item.ts";
import { judgeLoss } from "./judge-loss.ts";
import { judgeMachine } from "./judge-machine.ts";
import { judgePlacement } from "./judge-placement.ts";
import { judgeTarget } from "./judge-target.ts";
import type { Survey } from "./survey.ts";

/** Everything that is to be said of a machine before it is protected, the errors first. */
export const judge = (survey: Survey): Found[] =>
  sorted([...judgeMachine(survey), ...judgeTarget(survey), ...judgePlacement(survey), ...judgeLoss(survey)]);

/**
 * As `judge`, with what has changed since the machine was protected.
 * @param all its disks were to be protected, not some that were named
 */
export const judgeProtected = (survey: Survey, source: Disks, all: boolean): Found[] =>
  sorted([...judge(survey), ...changes(survey, source, all)]);

type Disks = {
  readonly disks: readonly Pick<SourceDisk, "id" | "name" | "size">[];
  /** Taken out of the protection on purpose. */
  readonly removed?: readonly Pick<SourceDisk, "id">[] | undefined;
};

/** Data disks of the machine that are not protected, whether somebody wants it so or not. */
export const unprotectedDisks = (
  { properties }: Survey["machine"],
  { disks }: { readonly disks: readonly Pick<SourceDisk, "id">[] },
): { readonly lun: number; readonly id: ArmId | undefined }[] =>
  properties.storageProfile.dataDisks
    .map(({ lun, managedDisk }) => ({ lun, id: managedDisk?.id }))
    .filter(({ id }) => !id || !isAmong(disks, id));

const isAmong = (disks: readonly Pick<SourceDisk, "id">[], id: ArmId): boolean =>
  disks.some((disk) => sameArmId(disk.id, id));

const sorted = (found: readonly Found[]): Found[] =>
  found.toSorted((a, b) => Number(isError(b)) - Number(isError(a)) || order(a) - order(b));

const CODES = Object.keys(FINDINGS);
const order = ({ code }: Found): number => CODES.indexOf(code);

function changes({ machine, disks }: Survey, source: Disks, all: boolean): Found[] {
  const { osDisk, dataDisks } = machine.properties.storageProfile;
  const attached = [osDisk, ...dataDisks].flatMap(({ managedDisk }) => managedDisk?.id ?? []);
  const gone = source.disks.filter(({ id }) => !attached.some((one) => sameArmId(one, id)));
  const resized = source.disks.flatMap((old) => {
    const now = disks.find(({ disk }) => sameArmId(disk.id, old.id))?.disk.properties.diskSizeBytes;
    return now === undefined || now === old.size ? [] : `${old.name} had ${old.size} bytes and has ${now}`;
  });
  const known = [...source.disks, ...(source.removed ?? [])];
  const added = attached.filter((id) => all && !isAmong(known, id));
  return [
    ...added.map((id): Found => ({ code: "DisksChanged", message: `${lastSegment(id)} is not protected` })),
    ...gone.map(({ name }): Found => ({ code: "DiskDetached", message: `${name} is not attached any more` })),
    ...resized.map((message): Found => ({ code: "DiskResized", message })),
  ];
}
