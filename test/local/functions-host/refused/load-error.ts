import { app } from "@azure/functions";

app.http("fine", { handler: () => ({}) });
throw new Error("this app cannot start");
