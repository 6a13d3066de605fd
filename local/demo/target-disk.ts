import { existsSync } from "node:fs";
import { armId } from "../../engine/core/ids.ts";
import type { Box } from "../box/box.ts";
import { bootImageOf, vmDirectory } from "../machine/vm-directory.ts";
import type { ItemView } from "./item-view.ts";

/** What is read of an item that was failed over. */
interface Built {
  readonly properties: Pick<ItemView["properties"], "providerSpecificDetails">;
}

/** File of a target disk as it was just before its machine opened it; undefined when there is none. */
export function bootImage(box: Box, { properties }: Built, disk: number): string | undefined {
  const vm = properties.providerSpecificDetails.recoveryFabricObjectId;
  if (!vm) throw new Error("the failed-over item names no virtual machine");
  const file = bootImageOf(vmDirectory(box.plan.directory, armId(vm)), disk);
  return existsSync(file) ? file : undefined;
}
