import { app } from "@azure/functions";

const handler = () => undefined;
const connection = "Setting";

/** One of what this host does not emulate, by the environment's choice. */
const OTHERS: Record<string, () => void> = {
  blob: () => app.storageBlob("other", { path: "in/{name}", connection, handler }),
  eventGrid: () => app.eventGrid("other", { handler }),
  eventHub: () => app.eventHub("other", { eventHubName: "hub", connection, handler }),
  serviceBus: () => app.serviceBusQueue("other", { queueName: "q", connection, handler }),
  cosmos: () =>
    app.cosmosDB("other", { databaseName: "d", containerName: "c", connection, handler: () => undefined }),
  warmup: () => app.warmup("other", { handler }),
};

OTHERS[process.env["REFUSED"] ?? ""]?.();
