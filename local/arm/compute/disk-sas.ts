import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import type { Clock } from "../../../engine/core/clock.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import type { Image } from "../model.ts";
import { same } from "../secret.ts";
import type { State } from "../state.ts";
import { DiskBlobError, header } from "./blob-request.ts";
import type { ReadSource } from "./copy-source.ts";
import { answerDiskBlob } from "./disk-blob.ts";
import type { Target } from "./disk-image.ts";

type Grant = Image["hidden"]["grants"][number];

/** The bytes of managed disks and snapshots behind SAS URLs, a page blob each, on paths `/md-…`. */
export interface DiskSas {
  urlOf(image: Image, grant: Grant): string;
  serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>;
}

interface Surroundings {
  /** Where the signing key is kept. */
  readonly directory: string;
  readonly state: State;
  readonly clock: Clock;
  readonly origin: () => string;
  readonly readSource: ReadSource;
}

export function diskSas({ directory, state, clock, origin, readSource }: Surroundings): DiskSas {
  const key = signingKey(directory);
  const sign = (pathname: string, access: string, expires: string) =>
    createHmac("sha256", key).update(`${pathname}\n${access}\n${expires}`).digest("base64");

  function granted(url: URL): Target {
    const [, , grantId = ""] = url.pathname.split("/");
    const [access, expires] = [url.searchParams.get("sp") ?? "", url.searchParams.get("se") ?? ""];
    if (!same(sign(url.pathname, access, expires), url.searchParams.get("sig") ?? ""))
      throw new DiskBlobError(403, "AuthenticationFailed", "Signature did not match.");
    const images: Image[] = [...state.disks.all(), ...state.snapshots.all()];
    const image = images.find(({ hidden }) => hidden.grants.some(({ id }) => id === grantId));
    const grant = image?.hidden.grants.find(({ id }) => id === grantId);
    if (!image || !grant) throw new DiskBlobError(403, "AuthenticationFailed", "The access was revoked.");
    if (grant.expires <= clock.now())
      throw new DiskBlobError(
        403,
        "AuthenticationFailed",
        "Signature not valid in the specified time frame.",
      );
    if (state.lost.has(image.location))
      throw new DiskBlobError(503, "ServerBusy", "The region does not answer.");
    return { image, writable: grant.access === "Write" };
  }

  /** By the header that only managed disks know: a SAS of an earlier snapshot of the same disk. */
  function previousOf(request: IncomingMessage, { image }: Target): Target | undefined {
    const text = header(request, "x-ms-previous-snapshot-url");
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    if (url?.origin !== origin())
      throw new DiskBlobError(409, "PreviousSnapshotNotFound", "The previous snapshot is not found.");
    const previous = granted(url);
    const order = [previous.image, image].map(({ id }) => state.snapshots.get(id)?.hidden.taken);
    const [family, wanted] = [previous.image, image].map(
      (of) => of.properties["incrementalSnapshotFamilyId"],
    );
    if (family === undefined || family !== wanted)
      throw new DiskBlobError(
        409,
        "PreviousSnapshotOperationNotSupported",
        "Differences exist between incremental snapshots of one family only.",
      );
    if ((order[0] ?? 0) > (order[1] ?? 0))
      throw new DiskBlobError(
        400,
        "PreviousSnapshotCannotBeNewer",
        "The previous snapshot is the newer one.",
      );
    return previous;
  }

  return {
    urlOf(image, { id, access, expires }) {
      const pathname = `/md-${sha256(Buffer.from(image.id)).slice(0, 12)}/${id}/abcd`;
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
        const target = granted(url);
        const previous = previousOf(request, target);
        await answerDiskBlob(request, response, { url, target, previous, readSource });
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
    `<?xml version="1.0" encoding="utf-8"?><Error><Code>${known.code}</Code><Message>${escaped(known.message)}</Message></Error>`,
  );
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Kept, so that URLs outlive a restart of the simulator. */
function signingKey(directory: string): Buffer {
  const file = path.join(directory, "sas.key");
  if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return readFileSync(file);
}
