import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Entities } from "./durable/entities.ts";
import { entityOf } from "./durable/entity-store.ts";
import type { Instances } from "./durable/instances.ts";
import { hasEnded, type Instance, STATUSES } from "./durable/store.ts";
import { keyOf } from "./http-trigger.ts";
import { type Keys, opens } from "./keys.ts";
import { jsonResponse, type Request, type Response } from "./listener.ts";
import { splitPath } from "./routes.ts";
import { type Bar, type Timeline, timelineOf } from "./timeline.ts";

/** Longer texts are cut for the page; the download has them whole. Characters. */
const MOST_TEXT = 20_000;
const MOST_SUMMARY = 160;

/**
 * A page on which a developer looks at orchestrations: the list, and one's history as a timeline. It only reads. Its files
 * are open, they hold nothing; what they ask for needs the key of the Durable webhooks, or the master key.
 */
export class Inspector {
  readonly #instances: Instances;
  readonly #entities: Entities;
  readonly #keys: Keys;
  readonly #now: () => number;

  constructor(
    { instances, entities }: { readonly instances: Instances; readonly entities: Entities },
    keys: Keys,
    now: () => number,
  ) {
    this.#instances = instances;
    this.#entities = entities;
    this.#keys = keys;
    this.#now = now;
  }

  /** @param rest the path behind the page's own, undecoded */
  async handle(request: Request, rest: string): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") return { status: 404 };
    const [first = "", id, part] = splitPath(rest).map(decodeURIComponent);
    if (first !== "instances" && first !== "entities") return serveFile(request, rest);
    const { durable, master } = this.#keys;
    if (!opens(keyOf(request), durable, master)) return { status: 401, headers: PRIVATE };
    if (first === "entities") return id === undefined ? this.#states(request) : { status: 404 };
    if (id === undefined) return this.#list(request);
    const instance = await this.#instances.get(id);
    if (!instance) return notFound(id);
    if (part === "history") return jsonResponse(200, this.#instances.history(instance), PRIVATE);
    return part === undefined ? this.#instance(request, instance) : { status: 404 };
  }

  async #list(request: Request): Promise<Response> {
    const query = Query.safeParse(Object.fromEntries(request.url.searchParams));
    if (!query.success) return jsonResponse(400, { message: z.prettifyError(query.error) }, PRIVATE);
    const { top, after, ...filter } = query.data;
    try {
      const page = await this.#instances.list(filter, top, after, "newest first");
      const body = {
        now: this.#now(),
        instances: page.instances.map(summaryOf),
        next: page.next ?? null,
        counts: this.#instances.counts(),
      };
      return jsonResponse(200, body, PRIVATE);
    } catch (error) {
      if (error instanceof RangeError) return jsonResponse(400, { message: error.message }, PRIVATE);
      throw error;
    }
  }

  /** The entities and what they hold, by id. */
  async #states(request: Request): Promise<Response> {
    const query = EntityQuery.safeParse(Object.fromEntries(request.url.searchParams));
    if (!query.success) return jsonResponse(400, { message: z.prettifyError(query.error) }, PRIVATE);
    const { name, top, after } = query.data;
    const { page, next } = await this.#entities.list(name ? { name } : {}, top, after);
    const entities = page.map(({ id, state, updated }) => ({
      ...entityOf(id),
      state: clipped(state),
      updated,
    }));
    const body = { now: this.#now(), entities, names: this.#entities.names(), next: next ?? null };
    return jsonResponse(200, body, PRIVATE);
  }

  /** Nothing but 304 while nothing happened, so that a page may ask every second. */
  #instance(request: Request, instance: Instance): Response {
    const { id, execution, status, updated } = instance;
    const history = this.#instances.history(instance);
    const tag = `"${execution}-${status}-${updated}-${history.length}"`;
    const headers = { ...PRIVATE, etag: tag };
    if (request.headers["if-none-match"] === tag) return { status: 304, headers };
    const live = !hasEnded(status);
    const timeline = timelineOf(history, this.#instances.pendingTimers(id), live);
    const body = {
      ...summaryOf(instance),
      now: this.#now(),
      live,
      version: instance.version,
      input: clipped(instance.input),
      output: clipped(instance.output),
      customStatus: clipped(instance.customStatus),
      events: history.length,
      ...shown(timeline),
    };
    return jsonResponse(200, body, headers);
  }
}

const PRIVATE = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

const notFound = (id: string): Response =>
  jsonResponse(404, { message: `there is no instance "${id}"` }, PRIVATE);

const instant = z.coerce.number().int().optional();

const Query = z
  .object({
    status: z
      .string()
      .transform((list) => list.split(","))
      .pipe(z.array(z.enum(STATUSES)))
      .optional(),
    name: z.string().min(1).optional(),
    prefix: z.string().min(1).optional(),
    /** Milliseconds since 1970. */
    from: instant,
    to: instant,
    top: z.coerce.number().int().min(1).max(500).default(50),
    after: z.string().min(1).optional(),
  })
  .transform(({ status, name, prefix, from, to, top, after }) => ({
    top,
    after,
    ...(status === undefined ? {} : { statuses: status }),
    ...(name === undefined ? {} : { name }),
    ...(prefix === undefined ? {} : { idPrefix: prefix }),
    ...(from === undefined ? {} : { createdFrom: from }),
    ...(to === undefined ? {} : { createdTo: to }),
  }));

const EntityQuery = z.object({
  name: z.string().min(1).optional(),
  top: z.coerce.number().int().min(1).max(500).default(50),
  after: z.string().default(""),
});

/** One line of the list. */
const summaryOf = ({ id, name, status, created, updated, customStatus, output, parent }: Instance) => ({
  id,
  name,
  status,
  created,
  updated,
  parent: parent?.id ?? null,
  note:
    (status === "Failed" || status === "Terminated" ? output : customStatus)?.slice(0, MOST_SUMMARY) ?? null,
});

interface Clipped {
  readonly text: string;
  /** Of the whole text. */
  readonly length: number;
}

const clipped = (text: string | null | undefined): Clipped | null =>
  text === null || text === undefined ? null : { text: text.slice(0, MOST_TEXT), length: text.length };

const shown = ({ rows, turns, began }: Timeline) => ({
  began,
  turns,
  rows: rows.map((row) => ({ ...row, bars: row.bars.map(shownBar) })),
});

const shownBar = ({ input, result, error, ...bar }: Bar) => ({
  ...bar,
  input: clipped(input),
  result: clipped(result),
  error: clipped(error),
});

const PAGE = fileURLToPath(new URL("page/", import.meta.url));
const PORTAL = fileURLToPath(new URL("../../portal/", import.meta.url));

/** What the page consists of. No path is ever built from a request. */
const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "": { file: `${PAGE}index.html`, type: "text/html" },
  "app.js": { file: `${PAGE}app.js`, type: "text/javascript" },
  "top.js": { file: `${PAGE}top.js`, type: "text/javascript" },
  "list.js": { file: `${PAGE}list.js`, type: "text/javascript" },
  "timeline.js": { file: `${PAGE}timeline.js`, type: "text/javascript" },
  "format.js": { file: `${PAGE}format.js`, type: "text/javascript" },
  "style.css": { file: `${PAGE}style.css`, type: "text/css" },
  "entities.js": { file: `${PAGE}entities.js`, type: "text/javascript" },
  "base.css": { file: `${PORTAL}base.css`, type: "text/css" },
  "dom.js": { file: `${PORTAL}dom.js`, type: "text/javascript" },
};

const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-cache",
};

async function serveFile(request: Request, rest: string): Promise<Response> {
  // Relative links of the page need the slash.
  if (rest === "" && !request.path.endsWith("/"))
    return { status: 308, headers: { location: `${request.path}/` } };
  const found = FILES[rest.replace(/^\//, "")];
  if (!found) return { status: 404 };
  const body = await readFile(found.file);
  return { status: 200, headers: { ...PAGE_HEADERS, "content-type": `${found.type}; charset=utf-8` }, body };
}
