import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { ensureCertificates } from "../../../../local/tls/certificate.ts";

export interface Stub {
  readonly url: string;
  readonly tls: { readonly ca: string };
  close(): Promise<void>;
}

/** An https server on loopback that answers as the test says. */
export async function httpsStub(
  handler: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<Stub> {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-tls-"));
  const paths = await ensureCertificates(directory);
  const [ca, cert, key] = [paths.ca, paths.cert, paths.key].map((file) => readFileSync(file, "utf8"));
  rmSync(directory, { recursive: true });
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => handler(request, response, Buffer.concat(chunks).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `https://127.0.0.1:${port}`,
    tls: { ca: ca ?? "" },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A credential that always has the same token. */
export const credentialOf = (token: string) => ({
  getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }),
});
