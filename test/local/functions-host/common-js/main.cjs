const { app } = require("@azure/functions");
const durable = require("durable-functions");

durable.app.activity("double", { handler: (number) => 2 * number });

durable.app.orchestration("twice", function* ({ df }) {
  return yield df.callActivity("double", yield df.callActivity("double", df.getInput()));
});

app.http("callTwice", {
  route: "twice/{number:int}",
  authLevel: "anonymous",
  extraInputs: [durable.input.durableClient()],
  handler: async (request, context) => {
    const client = durable.getClient(context);
    const id = await client.startNew("twice", { input: Number(request.params.number) });
    return client.waitForCompletionOrCreateCheckStatusResponse(request, id);
  },
});
