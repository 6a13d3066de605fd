import { setPriority } from "node:os";
import { messageOf } from "../engine/core/errors.ts";
import { nodeFiles } from "./node-files.ts";
import { type DraftTask, type Sealed, draftHere } from "./seal.ts";

/** What the process answers to each task, in order. */
export type SealAnswer = { readonly sealed: Sealed } | { readonly failed: string };

/** Everything here, down to the threads that compress, yields to the guest's requests. */
setPriority(10);

process.on("message", (task: DraftTask) => {
  draftHere(nodeFiles, task).then(
    (sealed) => process.send?.({ sealed } satisfies SealAnswer),
    (error: unknown) => process.send?.({ failed: messageOf(error) } satisfies SealAnswer),
  );
});
process.on("disconnect", () => process.exit());
// The agent ends in its own order, and this process with it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
