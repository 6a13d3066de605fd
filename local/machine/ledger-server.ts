import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { z } from "zod";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { type Ledger, documentRequest, orderRequest } from "./ledger.ts";

const MAX_BODY = 16 * 1024;

const listQuery = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limit: z.coerce.number().int().min(1).max(10_000).default(100),
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * The ledger over HTTP on 127.0.0.1: `POST /orders` and `POST /documents` (201 once durable), `GET /orders?after=&limit=`,
 * `GET /health`, `GET /integrity`, `POST /freeze` and `POST /thaw`. Errors are `{ error: { code, message, remedy } }`.
 */
export function serveLedger(
  ledger: Ledger,
  about: Readonly<Record<string, unknown>>,
  port: number,
): Promise<Server> {
  const started = performance.now();
  const health = () => ({
    status: "up",
    ...about,
    ...ledger.figures,
    uptimeSeconds: Math.round((performance.now() - started) / 1000),
  });
  const server = createServer((request, response) => {
    answer(ledger, health, request).then(
      (sent) => send(response, sent),
      (error: unknown) => send(response, failure(error)),
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

async function answer(ledger: Ledger, health: () => unknown, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://ledger");
  switch (`${request.method} ${url.pathname}`) {
    case "POST /orders":
      return { status: 201, body: await ledger.place(checked(orderRequest, await bodyOf(request))) };
    case "POST /documents":
      return { status: 201, body: await ledger.file(checked(documentRequest, await bodyOf(request))) };
    case "GET /orders": {
      const { after, limit } = checked(listQuery, Object.fromEntries(url.searchParams));
      return { status: 200, body: { orders: await ledger.list(after, limit) } };
    }
    case "GET /health":
      return { status: 200, body: health() };
    case "GET /integrity":
      return { status: 200, body: await ledger.integrity() };
    case "POST /freeze":
      await ledger.freeze();
      return { status: 200, body: { frozen: true } };
    case "POST /thaw":
      ledger.thaw();
      return { status: 200, body: { frozen: false } };
    default:
      throw new LeewardError(
        "NotFound",
        `there is no ${request.method} ${url.pathname}: POST /orders, POST /documents, GET /orders, GET /health, GET /integrity, POST /freeze and POST /thaw are all`,
      );
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    length += part.length;
    if (length <= MAX_BODY) chunks.push(part); // the rest is read and dropped, so that the answer arrives
  }
  if (length > MAX_BODY)
    throw new LeewardError("InvalidRequest", `the body has ${length} bytes; ${MAX_BODY} are the most`);
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new LeewardError("InvalidRequest", "the body is not JSON");
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const said = result.error.issues.map(({ path, message }) =>
    [path.join("."), message].filter(Boolean).join(": "),
  );
  throw new LeewardError("InvalidRequest", said.join("; "));
}

function failure(error: unknown): Answer {
  const known =
    error instanceof LeewardError ? error : new LeewardError("Unexpected", messageOf(error), error);
  const { code, message, remedy, status } = known;
  return { status, body: { error: { code, message, remedy } } };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
