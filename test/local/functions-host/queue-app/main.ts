import { app, type InvocationContext } from "@azure/functions";
import { note } from "../../../functions-host/app/ledger.ts";

interface Taken {
  readonly entry: unknown;
  readonly metadata: InvocationContext["triggerMetadata"];
}

/** What the functions were handed, in order. */
export const taken: Taken[] = [];

app.storageQueue("takes", {
  queueName: "%ORDERS%",
  connection: "Shop",
  handler: (entry, { triggerMetadata: metadata }) => {
    taken.push({ entry, metadata });
    note(`${String(entry)}, try ${String(metadata?.["dequeueCount"])}`);
    if (entry === "broken") throw new Error("this order cannot be read");
    if (entry === "hangs at first" && metadata?.["dequeueCount"] === 1) return new Promise<void>(() => {});
    return undefined;
  },
});

app.storageQueue("waitsForQueue", {
  queueName: "not-yet",
  connection: "Shop",
  handler: (entry, { triggerMetadata: metadata }) => void taken.push({ entry, metadata }),
});
