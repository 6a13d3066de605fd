import { app, output } from "@azure/functions";

app.timer("writesQueue", {
  schedule: "0 0 0 1 1 *",
  return: output.storageQueue({ queueName: "q", connection: "" }),
  handler: () => "message",
});
