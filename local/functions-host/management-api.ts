import { z } from "zod";
import { type ClientAddress, managementLinks } from "./client-binding.ts";
import { unknownFunction } from "./durable/failures.ts";
import { eventName, EventType, type HistoryEvent } from "./durable/history.ts";
import type { TaskHub } from "./durable/hub.ts";
import type { Filter, Result } from "./durable/instances.ts";
import { hasEnded, type Instance, type Status } from "./durable/store.ts";
import { EntityApi } from "./entity-api.ts";
import { jsonResponse, type Request, type Response, textResponse } from "./listener.ts";
import { instant, jsonBody, jsonOrNull, queryOf, top } from "./management-query.ts";
import { splitPath } from "./routes.ts";

/** The management API of the Durable extension, as its own client and its published REST description expect it. */
export class ManagementApi {
  readonly #hub: TaskHub;
  readonly #address: ClientAddress;
  readonly #entities: EntityApi;

  constructor(hub: TaskHub, address: ClientAddress) {
    this.#hub = hub;
    this.#address = address;
    this.#entities = new EntityApi(hub);
  }

  /** @param rest the path behind the base of the API, undecoded */
  async handle(request: Request, rest: string): Promise<Response> {
    const parts = splitPath(rest).map(decodeURIComponent);
    const [kind = "", ...names] = parts;
    const collection = kind.toLowerCase();
    if (collection === "orchestrators" && request.method === "POST") return this.#start(request, names);
    if (collection === "entities") return this.#entities.handle(request, names);
    if (collection !== "instances") return { status: 404 };
    const [id, verb, event] = names;
    if (id === undefined) return this.#collection(request);
    if (verb === undefined) return this.#instance(request, id);
    return request.method === "POST"
      ? this.#command(request, id, verb.toLowerCase(), event)
      : { status: 404 };
  }

  async #start(request: Request, [name = "", id]: string[]): Promise<Response> {
    if (!this.#hub.hasOrchestrator(name))
      return jsonResponse(400, { message: unknownFunction(name, "orchestrator") });
    if (id !== undefined && !isInstanceId(id))
      return jsonResponse(400, { message: `"${id}" is not a valid instance id` });
    const input = jsonBody(request);
    if (input === "invalid") return invalidJson;
    return this.#startAs(name, id, input.text, request.url.searchParams.get("version") ?? "");
  }

  async #startAs(
    name: string,
    id: string | undefined,
    input: string | null,
    version: string,
  ): Promise<Response> {
    const started = await this.#hub.instances.start(name, id, input, version);
    if ("inTheWay" in started)
      return jsonResponse(409, {
        message: `An Orchestration instance with the status ${started.inTheWay} already exists.`,
      });
    const links = managementLinks(this.#address, encodeURIComponent(started.id));
    const headers = { location: links["statusQueryGetUri"] ?? "", "retry-after": "10" };
    return jsonResponse(202, { id: started.id, ...links }, headers);
  }

  async #collection(request: Request): Promise<Response> {
    const query = Query.safeParse(Object.fromEntries(request.url.searchParams));
    if (!query.success) return jsonResponse(400, { message: z.prettifyError(query.error) });
    const filter = filterOf(query.data);
    if (request.method === "DELETE") {
      const instancesDeleted = await this.#hub.instances.purgeBy(filter);
      return instancesDeleted > 0 ? jsonResponse(200, { instancesDeleted }) : { status: 404 };
    }
    if (request.method !== "GET") return { status: 404 };
    try {
      const token = request.headers["x-ms-continuation-token"];
      const page = await this.#hub.instances.list(filter, query.data.top, token === "" ? undefined : token);
      const body = page.instances.map((instance) => statusBody(instance, query.data.showinput));
      return jsonResponse(200, body, page.next === undefined ? {} : { "x-ms-continuation-token": page.next });
    } catch (error) {
      if (error instanceof RangeError) return jsonResponse(400, { message: error.message });
      throw error;
    }
  }

  async #instance(request: Request, id: string): Promise<Response> {
    if (request.method === "DELETE") {
      const instancesDeleted = await this.#hub.instances.purge(id);
      return instancesDeleted > 0 ? jsonResponse(200, { instancesDeleted }) : { status: 404 };
    }
    if (request.method !== "GET") return { status: 404 };
    const instance = await this.#hub.instances.get(id);
    if (!instance) return { status: 404 };
    const flag = (name: string) => flagOf(request.url, name);
    const body = statusBody(instance, flag("showInput") ?? true);
    if (flag("showHistory") === true) {
      const events = historyBody(this.#hub.instances.history(instance), flag("showHistoryOutput") ?? false);
      Object.assign(body, { history: events, historyEvents: events });
    }
    if (!hasEnded(instance.status)) {
      const location = managementLinks(this.#address, encodeURIComponent(id))["statusQueryGetUri"] ?? "";
      return jsonResponse(202, body, { location, "retry-after": "5" });
    }
    const isError = instance.status === "Failed" && flag("returnInternalServerErrorOnFailure") === true;
    return jsonResponse(isError ? 500 : 200, body);
  }

  async #command(request: Request, id: string, verb: string, event: string | undefined): Promise<Response> {
    const reason = request.url.searchParams.get("reason") ?? "";
    const { instances } = this.#hub;
    switch (verb) {
      case "raiseevent":
        return this.#raise(request, id, event);
      case "terminate":
        return resultResponse(await instances.terminate(id, reason));
      case "suspend":
        return resultResponse(await instances.suspend(id, reason));
      case "resume":
        return resultResponse(await instances.resume(id, reason));
      case "rewind":
        return resultResponse(await instances.rewind(id, reason));
      case "restart":
        return this.#restart(request, id);
      default:
        return { status: 404 };
    }
  }

  async #raise(request: Request, id: string, event: string | undefined): Promise<Response> {
    if (event === undefined) return { status: 404 };
    if (!(request.headers["content-type"] ?? "").startsWith("application/json"))
      return jsonResponse(400, { message: "Only application/json request content is supported" });
    const input = jsonBody(request);
    if (input === "invalid") return invalidJson;
    return resultResponse(await this.#hub.instances.raise(id, event, input.text));
  }

  async #restart(request: Request, id: string): Promise<Response> {
    const instance = await this.#hub.instances.get(id);
    if (!instance) return { status: 404 };
    const sameId = flagOf(request.url, "restartWithNewInstanceId") === false;
    return this.#startAs(instance.name, sameId ? id : undefined, instance.input, instance.version);
  }
}

const invalidJson = jsonResponse(400, { message: "Invalid JSON content" });

const CODES: Record<Result, number> = { accepted: 202, "not found": 404, ended: 410, "not failed": 412 };

const resultResponse = (result: Result): Response =>
  result === "not failed"
    ? textResponse(412, "The rewind operation is only supported on failed orchestration instances.")
    : { status: CODES[result] };

const isInstanceId = (id: string): boolean =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  id.length > 0 && id.length <= 256 && !/^@|[/\\#?\u0000-\u001f\u007f-\u009f]/.test(id);

function flagOf(url: URL, name: string): boolean | undefined {
  const value = [...url.searchParams].find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  return value === undefined ? undefined : value.toLowerCase() === "true";
}

const STATUSES: Record<string, Status> = {
  pending: "Pending",
  running: "Running",
  suspended: "Suspended",
  completed: "Completed",
  failed: "Failed",
  terminated: "Terminated",
};
/** Statuses of the published enumeration that no instance here ever has. */
const NEVER = new Set(["canceled", "continuedasnew"]);

const statusList = z
  .string()
  .transform((text) => text.split(",").map((name) => name.trim().toLowerCase()))
  .refine((names) => names.every((name) => name in STATUSES || NEVER.has(name)), "is not a list of statuses")
  .transform((names) => names.flatMap((name) => STATUSES[name] ?? []))
  .optional();

const Query = queryOf({
  runtimestatus: statusList,
  createdtimefrom: instant,
  createdtimeto: instant,
  instanceidprefix: z.string().optional(),
  top,
  showinput: z
    .string()
    .transform((text) => text.toLowerCase() === "true")
    .default(true),
});

function filterOf(query: z.output<typeof Query>): Filter {
  const { runtimestatus, createdtimefrom, createdtimeto, instanceidprefix } = query;
  return {
    ...(runtimestatus ? { statuses: runtimestatus } : {}),
    ...(createdtimefrom === undefined ? {} : { createdFrom: createdtimefrom }),
    ...(createdtimeto === undefined ? {} : { createdTo: createdtimeto }),
    ...(instanceidprefix ? { idPrefix: instanceidprefix } : {}),
  };
}

/** Null, never absent, for what there is not: the client refuses a status without input or output. */
function statusBody(instance: Instance, showInput: boolean): Record<string, unknown> {
  return {
    name: instance.name,
    instanceId: instance.id,
    runtimeStatus: instance.status,
    input: showInput ? jsonOrNull(instance.input) : null,
    customStatus: jsonOrNull(instance.customStatus),
    output: jsonOrNull(instance.output),
    createdTime: secondsIso(instance.created),
    lastUpdatedTime: secondsIso(instance.updated),
  };
}

const secondsIso = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** As the extension shows a history: names for numbers, and without what frames each turn. */
function historyBody(events: readonly HistoryEvent[], showOutput: boolean): object[] {
  return events
    .filter(
      ({ EventType: type }) =>
        type !== EventType.OrchestratorStarted && type !== EventType.OrchestratorCompleted,
    )
    .map((event) => {
      const shown: Record<string, unknown> = { ...event, EventType: eventName(event.EventType) };
      for (const hidden of ["IsPlayed", "RetryOf", ...(showOutput ? [] : ["Result", "Input"])])
        delete shown[hidden];
      return shown;
    });
}
