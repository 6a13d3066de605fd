import { setTimeout as later } from "node:timers/promises";
import {
  type DiskSource,
  closeDisk,
  diskBody,
  ensureDisk,
  getDisk,
  openDisk,
} from "../../engine/azure/disk.ts";
import { ensureStorageAccount, getStorageAccount } from "../../engine/azure/storage-account.ts";
import { vhdFooter } from "../../engine/azure/vhd-footer.ts";
import { messageOf } from "../../engine/core/errors.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { MIB, bytes, millis } from "../../engine/core/units.ts";
import { connectContainer, connectContainerBySas, containerSas } from "../../engine/storage/connect.ts";
import { type Proof, type Proving, inGroup, pagesAt, refusal, settled } from "./proving.ts";

const SIZE = bytes(32 * MIB);
const FOOTER = vhdFooter(SIZE, Buffer.alloc(16, 1));
const PAGES = Buffer.alloc(MIB, 0x5a);
const OWNER = { machine: "shared", role: "proof" } as const;
const UPLOAD = { from: "upload", size: SIZE } as const;
const CONTAINER = "leeward";

const diskId = (proving: Proving, name: string) => inGroup(proving, "Microsoft.Compute/disks", name);
const accountId = (proving: Proving) =>
  inGroup(proving, "Microsoft.Storage/storageAccounts", `lwproof${proving.run}`);

export const uploadProof: Proof = {
  name: "a disk is uploaded through its SAS, and is then no longer open",
  call: "PUT disks {createOption: Upload}, POST beginGetAccess, Put Page, POST endGetAccess",
  async prove(proving) {
    const id = diskId(proving, "upload");
    await make(proving, id, UPLOAD);
    const sas = await openDisk(proving.arm, id, { access: "Write", seconds: 3600 }, proving.clock);
    const pages = pagesAt(proving, sas);
    const began = proving.clock.now();
    await pages.uploadPages(PAGES, 0, MIB);
    const rate = MIB / ((proving.clock.now() - began) / 1e6) / 1e6;
    await pages.uploadPages(FOOTER, SIZE, FOOTER.length);
    await settled(proving, await closeDisk(proving.arm, id));
    const { diskState } = (await getDisk(proving.arm, id)).properties;
    if (diskState !== "Unattached") throw new Error(`the disk is ${diskState}`);
    const late = await refusal(() => pages.uploadPages(PAGES, 0, MIB));
    return `${rate.toFixed(1)} MB/s over one connection; host ${new URL(sas).host}; after endGetAccess: ${late.slice(0, 120)}`;
  },
};

/** Documented for virtual machines, not for disks: both answers are taken, and the report says which it was. */
export const absentProof: Proof = {
  name: "what If-None-Match: * does for a disk that is there already",
  call: "PUT disks with If-None-Match: *",
  async prove(proving) {
    const id = diskId(proving, "absent");
    await make(proving, id, UPLOAD);
    const spec = { id, location: proving.region, sku: "Standard_LRS", source: UPLOAD, owner: OWNER };
    const again = () => proving.arm.put(id, diskBody(spec), { onlyIfAbsent: true });
    return again().then(
      async (answer) => {
        await settled(proving, answer);
        return `passed over: ${answer.status}`;
      },
      (error: unknown) => `refused: ${messageOf(error).slice(0, 120)}`,
    );
  },
};

export const importProof: Proof = {
  name: "a page blob becomes a disk although the account's shared keys are off",
  call: "PUT disks {createOption: Import, sourceUri, storageAccountId}",
  async prove(proving) {
    const container = await proofContainer(proving);
    const blob = container.getPageBlobClient("import.vhd");
    await blob.create(SIZE + FOOTER.length);
    await blob.uploadPages(PAGES, 0, MIB);
    await blob.uploadPages(FOOTER, SIZE, FOOTER.length);
    const id = diskId(proving, "import");
    await make(proving, id, { from: "import", blobUrl: blob.url, storageAccount: accountId(proving) });
    const { diskSizeBytes } = (await getDisk(proving.arm, id)).properties;
    if (diskSizeBytes !== SIZE) throw new Error(`the disk has ${diskSizeBytes} bytes`);
    return `${diskSizeBytes} bytes`;
  },
};

export const delegationProof: Proof = {
  name: "an agent's access can create and read, and neither overwrite nor delete",
  call: "Put Blob, Get Blob and Delete Blob with a user-delegation SAS of sp=rc",
  async prove(proving) {
    const container = await proofContainer(proving);
    const endpoint = new URL(container.url).href.replace(`/${CONTAINER}`, "");
    const { credential, tls } = proving;
    const options = tls ? { tls } : {};
    const access = { endpoint, container: CONTAINER, credential, permissions: "rc", options };
    const { url } = await containerSas({ ...access, lifetime: millis(3600_000) });
    const blob = connectContainerBySas(url, options).getBlockBlobClient("agent");
    await blob.upload("one", 3);
    if ((await blob.downloadToBuffer()).toString() !== "one") throw new Error("other bytes came back");
    const again = await refusal(() => blob.upload("two", 3));
    const deleted = await refusal(() => blob.delete());
    return `overwriting: ${again.slice(0, 80)}; deleting: ${deleted.slice(0, 80)}`;
  },
};

async function make(proving: Proving, id: ArmId, source: DiskSource): Promise<void> {
  const spec = { id, location: proving.region, sku: "Standard_LRS", source, owner: OWNER };
  await settled(proving, await ensureDisk(proving.arm, spec));
}

/** Rights that were given on the subscription reach a new account within minutes. */
const PATIENCE_MS = 300_000;

/** The container in an account with shared keys off; made by the first proof that needs it. */
async function proofContainer(proving: Proving) {
  const id = accountId(proving);
  const account = { id, location: proving.region, sku: "Standard_LRS", owner: OWNER } as const;
  await settled(proving, await ensureStorageAccount(proving.arm, account));
  const { blob } = (await getStorageAccount(proving.arm, id)).properties.primaryEndpoints;
  const { credential, tls } = proving;
  const container = connectContainer(blob.replace(/\/$/, ""), CONTAINER, credential, tls ? { tls } : {});
  for (const until = Date.now() + PATIENCE_MS; ; await later(10_000))
    try {
      await container.createIfNotExists();
      return container;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
}
