import { app } from "@azure/functions";

app.http("odd", { route: "a/{x:range(1,2)}", handler: () => ({}) });
