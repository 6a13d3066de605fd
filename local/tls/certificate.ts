import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { generate } from "selfsigned";

const DAY = 24 * 60 * 60 * 1000;
const VALID_DAYS = 365;
/** Renewed this long before it runs out, so that a box never dies of it while it runs. */
const RENEW_DAYS = 30;
/** Clocks of one machine agree, but a virtual machine's may be set back by its host. */
const BACKDATE_DAYS = 1;

/** Paths of PEM files. Clients trust `ca`; servers present `cert` with `key`. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * The box's CA and its one server certificate, for `127.0.0.1`, `::1` and `localhost`. Makes them where they are
 * missing, damaged or about to run out, otherwise leaves them. The CA's key is never stored, so nothing else can ever be
 * signed by a CA that somebody trusted; renewal makes a new CA.
 */
export async function ensureCertificates(directory: string): Promise<Certificates> {
  const paths = {
    ca: path.join(directory, "ca.pem"),
    cert: path.join(directory, "server.pem"),
    key: path.join(directory, "server.key"),
  };
  if (!(await areGood(paths))) await make(directory, paths);
  return paths;
}

async function areGood({ ca, cert, key }: Certificates): Promise<boolean> {
  try {
    const authority = new X509Certificate(await readFile(ca));
    const server = new X509Certificate(await readFile(cert));
    const lasts = Math.min(Date.parse(authority.validTo), Date.parse(server.validTo));
    return (
      server.verify(authority.publicKey) &&
      server.checkPrivateKey(createPrivateKey(await readFile(key))) &&
      lasts > Date.now() + RENEW_DAYS * DAY
    );
  } catch {
    return false; // missing or torn: made anew
  }
}

async function make(directory: string, paths: Certificates): Promise<void> {
  const validity = {
    notBeforeDate: new Date(Date.now() - BACKDATE_DAYS * DAY),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY),
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
  } as const;
  const ca = await generate([{ name: "commonName", value: "Leeward box CA" }], {
    ...validity,
    extensions: [
      { name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: "localhost" }], {
    ...validity,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await replace(paths.key, server.private);
  await replace(paths.cert, server.cert);
  await replace(paths.ca, ca.cert);
}

/** A reader sees the old file or the new one; a mixed set is found by `areGood` and made anew. */
async function replace(file: string, text: string): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, text, { mode: 0o600 });
  await rename(fresh, file);
}
