import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ArmId } from "../../../engine/core/ids.ts";
import { type Micros, micros } from "../../../engine/core/units.ts";
import type { Clock } from "../../../engine/core/clock.ts";
import { ArmError } from "../arm-error.ts";
import type { Call, Reply } from "../call.ts";
import type { Hypervisor } from "../hypervisor.ts";
import type { VirtualMachine } from "../model.ts";
import { rangeOf } from "./blob-request.ts";

/** Where serial consoles are read: blobs of Azure's own account, behind a SAS. */
export interface BootDiagnostics {
  urlOf(machine: ArmId, expires: Micros): string;
  serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>;
}

export const CONSOLES = "/bootdiagnostics-";

/** Addresses do not outlive the simulator: they are good for minutes. */
export function bootDiagnostics(
  clock: Clock,
  origin: () => string,
  hypervisor: Pick<Hypervisor, "console">,
): BootDiagnostics {
  const key = randomBytes(32);
  const sign = (machine: string, expires: string) =>
    createHmac("sha256", key).update(`${machine}\n${expires}`).digest("base64url");

  async function serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const machine = url.searchParams.get("vm") ?? "";
    const expires = url.searchParams.get("se") ?? "";
    const right = same(sign(machine, expires), url.searchParams.get("sig") ?? "");
    if (!right || Number(expires) <= clock.now())
      return void response.writeHead(403, { "x-ms-error-code": "AuthenticationFailed" }).end();
    const text = Buffer.from(await hypervisor.console(machine));
    const headers = {
      etag: '"console"',
      "last-modified": new Date().toUTCString(),
      "x-ms-blob-type": "AppendBlob",
    };
    if (request.method === "HEAD")
      return void response.writeHead(200, { ...headers, "content-length": text.length }).end();
    const range = rangeOf(request) ?? { start: 0, end: text.length };
    const { start, end } = { ...range, end: Math.min(range.end, text.length) };
    const part = text.subarray(start, end);
    const shown = `bytes ${start}-${end - 1}/${text.length}`;
    response.writeHead(206, { ...headers, "content-length": part.length, "content-range": shown }).end(part);
  }

  return {
    urlOf(machine, expires) {
      const query = new URLSearchParams({
        vm: machine,
        se: String(expires),
        sig: sign(machine, String(expires)),
      });
      return `${origin()}${CONSOLES}box/serialconsole.log?${query}`;
    },
    serve,
  };
}

const same = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** Minutes, where the caller does not say. */
const DEFAULT_MINUTES = 120;

/** `POST …/retrieveBootDiagnosticsData`. @throws ArmError 409 where they are off */
export function retrieve(machine: VirtualMachine, { box, query }: Call): Reply {
  const profile = machine.properties["diagnosticsProfile"];
  const enabled = JSON.stringify(profile ?? {}).includes('"enabled":true');
  if (!enabled)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      "Boot diagnostics is not enabled for the virtual machine.",
    );
  const minutes = Number(query.get("sasuriexpirationtimeinminutes") ?? DEFAULT_MINUTES);
  const expires = micros(box.clock.now() + minutes * 60_000_000);
  return { status: 200, body: { serialConsoleLogBlobUri: box.bootDiagnostics.urlOf(machine.id, expires) } };
}
