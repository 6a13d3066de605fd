import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import type { Clock } from "../../../engine/core/clock.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import type { Disk } from "../model.ts";
import type { State } from "../state.ts";
import { same } from "../secret.ts";
import { DiskBlobError, answerDiskBlob } from "./disk-blob.ts";

type Grant = Disk["hidden"]["grants"][number];

/** The bytes of managed disks behind SAS URLs, a page blob each, on paths `/md-…`. */
export interface DiskSas {
  urlOf(disk: Disk, grant: Grant): string;
  serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>;
}

export function diskSas(directory: string, state: State, clock: Clock, origin: () => string): DiskSas {
  const key = signingKey(directory);
  const sign = (pathname: string, access: string, expires: string) =>
    createHmac("sha256", key).update(`${pathname}\n${access}\n${expires}`).digest("base64");

  function granted(url: URL): { disk: Disk; access: Grant["access"] } {
    const [, , grantId = ""] = url.pathname.split("/");
    const [access, expires] = [url.searchParams.get("sp") ?? "", url.searchParams.get("se") ?? ""];
    if (!same(sign(url.pathname, access, expires), url.searchParams.get("sig") ?? ""))
      throw new DiskBlobError(403, "AuthenticationFailed", "Signature did not match.");
    for (const disk of state.disks.all())
      for (const grant of disk.hidden.grants)
        if (grant.id === grantId) {
          if (grant.expires <= clock.now())
            throw new DiskBlobError(
              403,
              "AuthenticationFailed",
              "Signature not valid in the specified time frame.",
            );
          if (state.lost.has(disk.location))
            throw new DiskBlobError(503, "ServerBusy", "The region does not answer.");
          return { disk, access: grant.access };
        }
    throw new DiskBlobError(403, "AuthenticationFailed", "The access was revoked.");
  }

  return {
    urlOf(disk, { id, access, expires }) {
      const pathname = `/md-${sha256(Buffer.from(disk.id)).slice(0, 12)}/${id}/abcd`;
      const until = new Date(Math.floor(expires / 1000)).toISOString();
      const permission = access === "Write" ? "rw" : "r";
      const query = new URLSearchParams({
        sv: "2018-03-28",
        sr: "b",
        sp: permission,
        se: until,
        sig: sign(pathname, permission, until),
      });
      return `${origin()}${pathname}?${query}`;
    },
    async serve(request, response, url) {
      response.setHeader("x-ms-request-id", randomUUID());
      response.setHeader("x-ms-version", "2021-12-02");
      try {
        const { disk, access } = granted(url);
        await answerDiskBlob(request, response, url, { disk, writable: access === "Write" });
      } catch (error) {
        refuse(response, error);
      }
    },
  };
}

function refuse(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof DiskBlobError ? error : new DiskBlobError(500, "InternalError", "It failed.");
  if (response.headersSent) return void response.destroy();
  response.writeHead(known.status, { "x-ms-error-code": known.code, "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="utf-8"?><Error><Code>${known.code}</Code><Message>${known.message}</Message></Error>`,
  );
}

/** Kept, so that URLs outlive a restart of the simulator. */
function signingKey(directory: string): Buffer {
  const file = path.join(directory, "sas.key");
  if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return readFileSync(file);
}
