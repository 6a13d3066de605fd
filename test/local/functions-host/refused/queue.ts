import { app } from "@azure/functions";

app.storageQueue("takesQueue", { queueName: "q", connection: "", handler: () => undefined });
