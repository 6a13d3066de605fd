import { fileURLToPath } from "node:url";
import { LeewardError } from "../../engine/core/errors.ts";
import type { BlockDevice } from "./block-device.ts";
import { openFileDevice } from "./file-device.ts";
import { openNbdDevice } from "./nbd-device.ts";

/**
 * Opens the disk that a URL names: `file:///path` or, as in the NBD URI specification,
 * `nbd+unix:///export?socket=/path`. Waits for an NBD server that is not there yet.
 * @throws InvalidRequest for any other URL, DiskUnreadable when the disk cannot be used.
 */
export async function openDisk(text: string): Promise<BlockDevice> {
  const url = URL.parse(text);
  if (url?.protocol === "file:") return await openFileDevice(fileURLToPath(url));
  const socket = url?.searchParams.get("socket");
  if (url?.protocol === "nbd+unix:" && socket)
    return await openNbdDevice({ socket, export: decodeURIComponent(url.pathname.slice(1)) });
  throw new LeewardError(
    "InvalidRequest",
    `not a disk: ${JSON.stringify(text)}; expected file:///path or nbd+unix:///export?socket=/path`,
  );
}

export const nbdUrl = (socket: string, exportName: string): string =>
  `nbd+unix:///${encodeURIComponent(exportName)}?socket=${encodeURIComponent(socket)}`;
