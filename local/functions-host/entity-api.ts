import { z } from "zod";
import type { Entities } from "./durable/entities.ts";
import { type Entity, entityId, entityOf } from "./durable/entity-store.ts";
import { unknownFunction } from "./durable/failures.ts";
import type { TaskHub } from "./durable/hub.ts";
import { jsonResponse, type Request, type Response } from "./listener.ts";
import { instant, jsonBody, jsonOrNull, queryOf, top } from "./management-query.ts";

/** The entities' part of the management API: `entities[/{name}[/{key}]]`, as the Durable extension answers it. */
export class EntityApi {
  readonly #hub: TaskHub;
  readonly #entities: Entities;

  constructor(hub: TaskHub) {
    this.#hub = hub;
    this.#entities = hub.entities;
  }

  async handle(request: Request, [name, ...rest]: string[]): Promise<Response> {
    const key = rest.join("/");
    if (request.method === "GET")
      return name === undefined || key === "" ? this.#list(request, name) : this.#state(name, key);
    if (name === undefined || key === "") return { status: 404 };
    if (request.method === "POST")
      return this.#signal(request, name, key, request.url.searchParams.get("op") ?? "");
    // Nothing is deleted by that: the entity hears of it like of any other operation, and destroys itself if it likes.
    if (request.method === "DELETE") return this.#signal(request, name, key, "delete");
    return { status: 404 };
  }

  async #state(name: string, key: string): Promise<Response> {
    const entity = await this.#entities.get(entityId(name, key));
    return entity ? jsonResponse(200, jsonOrNull(entity.state)) : { status: 404 };
  }

  async #signal(request: Request, name: string, key: string, operation: string): Promise<Response> {
    if (!this.#hub.hasEntity(name)) return jsonResponse(400, { message: unknownFunction(name, "entity") });
    const input = inputOf(request);
    if (input === "invalid") return jsonResponse(400, { message: "Could not parse JSON content" });
    await this.#entities.signal(entityId(name, key), operation, input.text);
    return { status: 202 };
  }

  async #list(request: Request, name: string | undefined): Promise<Response> {
    const query = Query.safeParse(Object.fromEntries(request.url.searchParams));
    if (!query.success) return jsonResponse(400, { message: z.prettifyError(query.error) });
    const { fetchstate, lastoperationtimefrom, lastoperationtimeto } = query.data;
    const filter = {
      ...(name === undefined ? {} : { name }),
      ...(lastoperationtimefrom === undefined ? {} : { updatedFrom: lastoperationtimefrom }),
      ...(lastoperationtimeto === undefined ? {} : { updatedTo: lastoperationtimeto }),
    };
    const token = request.headers["x-ms-continuation-token"] ?? "";
    const after = Buffer.from(token, "base64url").toString();
    const { page, next } = await this.#entities.list(filter, query.data.top, after);
    const headers: Record<string, string> =
      next === undefined ? {} : { "x-ms-continuation-token": Buffer.from(next).toString("base64url") };
    return jsonResponse(
      200,
      page.map((entity) => entityBody(entity, fetchstate)),
      headers,
    );
  }
}

/** A body that is not declared as JSON is a text. */
function inputOf(request: Request): { text: string | null } | "invalid" {
  const isJson = (request.headers["content-type"] ?? "").startsWith("application/json");
  if (isJson || request.body.length === 0) return jsonBody(request);
  return { text: JSON.stringify(request.body.toString()) };
}

const Query = queryOf({
  fetchstate: z
    .string()
    .transform((text) => text.toLowerCase() === "true")
    .default(false),
  lastoperationtimefrom: instant,
  lastoperationtimeto: instant,
  top,
});

const entityBody = ({ id, state, updated }: Entity, showState: boolean) => ({
  entityId: entityOf(id),
  lastOperationTime: new Date(updated).toISOString(),
  ...(showState ? { state: jsonOrNull(state) } : {}),
});
