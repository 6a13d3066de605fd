import { z } from "zod";

/** A field that is refused when it says anything, since it would have to be ignored. Clients may send an empty one. */
export const notHere = (why: string) =>
  z
    .unknown()
    .refine((value) => isNothing(value, 2), why)
    .transform(() => undefined)
    .describe(`Refused unless it is empty: ${why}`)
    .optional();

/** As deep as ASR's models go: a list, or an object, of nothing says nothing. */
function isNothing(value: unknown, depth: number): boolean {
  if (value === undefined || value === null || value === "") return true;
  return (
    depth > 0 && typeof value === "object" && Object.values(value).every((one) => isNothing(one, depth - 1))
  );
}

/** Fields of ASR's inputs for Azure to Azure, which several of them have. */
export const unmanagedDisks = notHere("it has managed disks: name those (vmManagedDisks)");
export const cloudService = notHere("there are no cloud services any more: leave it out");
export const edgeZone = notHere("machines come up in regions, not in edge zones: leave it out");
export const diskKeys = notHere(
  "keys of Azure Disk Encryption are not carried over: use encryption at host, or an encryption set",
);
export const autoProtection = z
  .literal("Disabled", "a disk that is attached later is not protected by itself: name it in addDisks")
  .optional();

/** Clients send the one for machines of Resource Manager too, to which it means nothing. */
export const cloudServiceOption = z
  .literal("AutoCreateCloudService", "there are no cloud services any more: leave it out")
  .optional();
