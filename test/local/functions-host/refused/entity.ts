import { app } from "durable-functions";

app.entity("counter", () => undefined);
