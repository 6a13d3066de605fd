import { readFileSync } from "node:fs";
import { once } from "node:events";
import { type Server, createServer } from "node:https";
import { text } from "node:stream/consumers";
import { ensureCertificates } from "../../../local/tls/certificate.ts";

/** What came over the wire. */
interface Heard {
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface Said {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The app of the other region, as far as this one sees of it: it hears, and says what a test wants it to say. */
export interface OtherApp {
  readonly url: string;
  readonly heard: Heard[];
  /** What it answers; `silence` takes the call and says nothing. */
  answer: (heard: Heard) => Said | "silence";
  /** Nobody listens from here on, until it is opened. */
  close(): Promise<void>;
  open(): Promise<void>;
}

/** Over https. @param folder of the certificates */
export async function otherApp(folder: string): Promise<OtherApp> {
  const { cert, key } = await ensureCertificates(folder);
  const credentials = { cert: readFileSync(cert), key: readFileSync(key) };
  const listen = async (port: number): Promise<Server> => {
    const server = createServer(credentials, (request, response) => {
      void text(request).then((body) => {
        const { method = "", url = "", headers } = request;
        const plain = Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, String(value)]),
        );
        const heard = { method, target: url, headers: plain, body };
        app.heard.push(heard);
        const said = app.answer(heard);
        if (said === "silence") return;
        response.writeHead(said.status, { "content-type": "application/json", ...said.headers });
        response.end(said.body === undefined ? "" : JSON.stringify(said.body));
      });
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  let server: Server | undefined = await listen(0);
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const close = async () => {
    const former = server;
    server = undefined;
    former?.closeAllConnections();
    if (former) await new Promise((resolve) => former.close(resolve));
  };
  const app: OtherApp = {
    url: `https://127.0.0.1:${port}`,
    heard: [],
    answer: () => ({ status: 200, body: {} }),
    close,
    async open() {
      server ??= await listen(port);
    },
  };
  return app;
}
