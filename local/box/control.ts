import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import { text } from "node:stream/consumers";
import { messageOf } from "../../engine/core/errors.ts";

/** Where the box that runs takes commands from other terminals. The token is a secret. */
export interface Control {
  readonly url: string;
  readonly token: string;
  stop(): Promise<void>;
}

/** A command is the body of a POST; the answer is text: 200 when it was done, 400 when it was not. */
export async function openControl(
  token: string,
  obey: (command: string) => Promise<string>,
): Promise<Control> {
  const answer = async (request: IncomingMessage) => {
    if (request.headers.authorization !== `Bearer ${token}`)
      return { status: 401, said: "not this box's token" };
    try {
      return { status: 200, said: await obey(await text(request)) };
    } catch (error) {
      return { status: 400, said: messageOf(error) };
    }
  };
  const server = createServer((request, response) => {
    void answer(request).then(({ status, said }) => response.writeHead(status).end(`${said}\n`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
