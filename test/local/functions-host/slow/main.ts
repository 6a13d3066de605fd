import { app } from "@azure/functions";
import { done, door } from "./door.ts";

await door.promise;

app.http("greet", {
  route: "greet/{name}",
  authLevel: "anonymous",
  handler: ({ params }) => ({ body: `${process.env["SLOW_GREETING"]} ${params["name"]}` }),
});

app.timer("atStart", {
  schedule: "%SLOW_SCHEDULE%",
  runOnStartup: true,
  handler: ({ isPastDue }) => {
    done.push(`ran, ${isPastDue ? "late" : "in time"}`);
  },
});
