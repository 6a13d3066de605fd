import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type Server, createServer } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import type { Box } from "../../local/arm/box.ts";
import type { Exchange } from "../../local/arm/published/exchange.ts";
import { answerArm } from "../../local/arm/respond.ts";
import { type Issuer, openIssuer } from "../../local/arm/tokens/issuer.ts";
import { ensureCertificates } from "../../local/tls/certificate.ts";
import { violations } from "../fixtures/as-published.ts";
import { type Event, type Story, tell } from "../fixtures/story.ts";
import { APP, MACHINE, START, boxOf, disksOf } from "./place.ts";

/** What all worlds of one test file share, since it costs more than a world. */
export interface Stage {
  readonly directory: string;
  readonly issuer: Issuer;
  /** https origin where the bytes of disks are served, which go over real sockets. */
  readonly url: string;
  /** For Resource Manager. */
  readonly token: string;
  readonly story: Story;
  readonly disks: ReturnType<typeof disksOf>;
  /** Has the box answer at `url`. */
  enter(box: Box): void;
  /** Compares a call and its answer with the published descriptions. */
  observe(exchange: Exchange): void;
  /** @throws Error when a call or an answer of any of its worlds was not as published. */
  close(): Promise<void>;
}

/** One token for all calls of all worlds: its signature is looked at once. */
function remembering(issuer: Issuer): Issuer {
  const known = new Map<string, ReturnType<Issuer["verify"]>>();
  return {
    ...issuer,
    verify(token) {
      const found = known.get(token) ?? issuer.verify(token);
      known.set(token, found);
      return found;
    },
  };
}

const AUDIENCE = "https://management.azure.com";

/** @param mebibytes of each disk */
export async function openStage(mebibytes: number): Promise<Stage> {
  const disks = disksOf(mebibytes);
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-faults-"));
  const certificates = await ensureCertificates(path.join(directory, "tls"));
  const read = (file: string) => readFileSync(file, "utf8");
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), read(certificates.ca)]);
  let current: Box | undefined;
  const server = createServer(
    { cert: read(certificates.cert), key: read(certificates.key) },
    (request, response) => void (current ? answerArm(current, request, response) : response.destroy()),
  );
  const url = `https://127.0.0.1:${await listen(server)}`;
  const { tenant } = boxOf(directory, disks);
  const clock = { now: () => START, sleep: () => Promise.reject(new Error("nobody sleeps here")) };
  const issuer = remembering(await openIssuer(directory, tenant, clock, () => url));
  const { token } = await issuer.mint(APP, AUDIENCE);
  const story = await tell(EVENTS, { machine: MACHINE, disks });
  const strange = new Set<string>();
  return {
    directory,
    issuer,
    url,
    token,
    story,
    disks,
    enter: (box) => void (current = box),
    observe: (exchange) => violations(exchange).forEach((line) => strange.add(line)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
      if (strange.size > 0)
        throw new Error(`Calls and answers are not as published:\n${[...strange].join("\n")}`);
    },
  };
}

const write = (disk: number, sector: number, fill: number): Event => ({
  kind: "write",
  disk,
  sector,
  sectors: 40,
  fill,
});
const POINT: readonly Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];

/** Two recovery points, and a write behind them that is in no point. */
const EVENTS: readonly Event[] = [
  write(0, 0, 1),
  write(1, 100, 2),
  ...POINT,
  write(0, 3000, 3),
  ...POINT,
  write(1, 0, 4),
  { kind: "seal" },
];

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });
