import { app, type HttpRequest, type HttpResponseInit, output, trigger } from "@azure/functions";
import { app as durable, getClient } from "durable-functions";
import { note } from "./ledger.ts";

/** Says back what the function was given. */
async function describe(request: HttpRequest): Promise<HttpResponseInit> {
  return {
    status: 200,
    headers: {
      "x-method": request.method,
      "x-body-length": String((await request.arrayBuffer()).byteLength),
    },
    jsonBody: {
      url: request.url,
      params: request.params,
      query: Object.fromEntries(request.query),
      headers: Object.fromEntries(request.headers),
    },
  };
}

app.http("describe", {
  route: "describe/{name}/{optional?}",
  methods: ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH"],
  handler: describe,
});
app.http("rest", { route: "files/{*path}", methods: ["GET"], handler: describe });
app.http("number", { route: "numbers/{n:int}", methods: ["GET"], handler: describe });
app.http("anyNumber", { route: "numbers/{n}", methods: ["GET"], handler: () => ({ body: "not a number" }) });
app.http("literal", { route: "Numbers/Zero", methods: ["GET"], handler: () => ({ body: "literal" }) });
app.http("defaultRoute", { handler: () => ({ body: "default" }) });
app.http("put", { route: "item", methods: ["PUT"], handler: () => ({ status: 201, body: "put" }) });
app.http("get", { route: "item", methods: ["GET"], handler: () => ({ body: "got" }) });

app.http("echoBytes", {
  route: "bytes",
  methods: ["POST"],
  handler: async (request) => ({
    status: 202,
    headers: { "content-type": "application/octet-stream" },
    body: new Uint8Array(await request.arrayBuffer()),
  }),
});

app.generic("nothing204", {
  trigger: trigger.http({ route: "nothing", methods: ["GET"], authLevel: "anonymous" }),
  return: output.http({}),
  handler: () => undefined,
});

app.http("throwing", {
  route: "throwing",
  methods: ["GET"],
  handler: () => {
    throw new Error("a secret detail");
  },
});

app.http("cookies", {
  route: "cookies",
  methods: ["GET"],
  handler: () => ({
    status: 200,
    cookies: [
      { name: "a", value: "1 2", path: "/", httpOnly: true, sameSite: "Strict" },
      { name: "b", value: "2", maxAge: 60, secure: true },
    ],
  }),
});

app.http("keyed", {
  route: "keyed",
  methods: ["GET"],
  authLevel: "function",
  handler: () => ({ body: "in" }),
});
app.http("admins", {
  route: "admins",
  methods: ["GET"],
  authLevel: "admin",
  handler: () => ({ body: "in" }),
});

app.http("uncaughtLater", {
  route: "uncaught",
  methods: ["POST"],
  handler: () => {
    note("uncaught is coming");
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, 50);
    return { status: 202 };
  },
});

/** Starts an orchestration the way an app does, through its own client. */
durable.client.http("starter", {
  route: "start/{name}/{id?}",
  methods: ["POST"],
  handler: async (request, client) => {
    const text = await request.text();
    const { name = "", id } = request.params;
    const instanceId = await client.startNew(name, {
      ...(id === undefined ? {} : { instanceId: id }),
      ...(text === "" ? {} : { input: JSON.parse(text) }),
    });
    return client.createCheckStatusResponse(request, instanceId);
  },
});

durable.client.http("waiter", {
  route: "wait/{name}",
  methods: ["POST"],
  handler: async (request, client) => {
    const id = await client.startNew(request.params["name"] ?? "", { input: await request.json() });
    return client.waitForCompletionOrCreateCheckStatusResponse(request, id, {
      timeoutInMilliseconds: 5000,
      retryIntervalInMilliseconds: 20,
    });
  },
});

/** Keeps the newest client for tests that call it directly. */
export const kept: { client?: ReturnType<typeof getClient> } = {};

durable.client.http("keepClient", {
  route: "client",
  methods: ["POST"],
  handler: (_request, client, context) => {
    kept.client = getClient(context);
    return { jsonBody: client.createHttpManagementPayload("some-id") };
  },
});
