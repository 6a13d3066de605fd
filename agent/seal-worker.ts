import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { messageOf } from "../engine/core/errors.ts";
import { type SealTask, type Sealed, sealLog } from "./seal.ts";

/** What the thread answers to each task, in order. */
export type SealAnswer = { readonly sealed: Sealed } | { readonly failed: string };

/** Linux gives each thread its own priority; the guest's requests go first. Elsewhere this would slow the whole agent. */
if (process.platform === "linux") setPriority(10);

parentPort?.on("message", (task: SealTask) => {
  sealLog(task).then(
    (sealed) => parentPort?.postMessage({ sealed } satisfies SealAnswer),
    (error: unknown) => parentPort?.postMessage({ failed: messageOf(error) } satisfies SealAnswer),
  );
});
