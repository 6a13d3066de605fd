import { app, type InvocationContext } from "@azure/functions";

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
    if (entry === "broken") throw new Error("this order cannot be read");
  },
});

app.storageQueue("waitsForQueue", {
  queueName: "not-yet",
  connection: "Shop",
  handler: (entry, { triggerMetadata: metadata }) => void taken.push({ entry, metadata }),
});
