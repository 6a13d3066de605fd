import { app } from "@azure/functions";
import { answering } from "./http.ts";
import { services } from "./services.ts";

/** For load balancers and scripts: whether this app has what it needs to work. Says nothing that is not public. */
app.http("health", {
  methods: ["GET"],
  route: "health",
  authLevel: "anonymous",
  handler: (request, context) =>
    answering(request, context, async () => {
      const found = await services();
      return { jsonBody: { status: "ok", region: found.settings.region } };
    }),
});
