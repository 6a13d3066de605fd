import { app, trigger } from "@azure/functions";

app.generic("tries", {
  trigger: trigger.storageQueue({ queueName: "q", connection: "Setting" }),
  retry: { strategy: "fixedDelay", maxRetryCount: 3, delayInterval: 1000 },
  handler: () => undefined,
});
