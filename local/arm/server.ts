import { randomUUID } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type Clock, systemClock } from "../../engine/core/clock.ts";
import type { BoxConfig } from "./box-config.ts";
import type { Box } from "./box.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { openBox } from "./open-box.ts";
import type { Exchange } from "./published/exchange.ts";
import { answerArm, send } from "./respond.ts";
import { openState } from "./state.ts";
import { managedIdentityToken } from "./tokens/endpoints.ts";
import { openIssuer } from "./tokens/issuer.ts";

export interface ArmServerSettings {
  readonly config: BoxConfig;
  /** Directory of the state and the keys. */
  readonly data: string;
  /** PEM of the server's certificate and key. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly hypervisor: Hypervisor;
  readonly clock?: Clock;
  /** Any free ones by default. Give the same after a restart: pollers and VMs keep the URLs. */
  readonly port?: number;
  readonly identityPort?: number;
  /** Sees every ARM call and its answer. */
  readonly observe?: (exchange: Exchange) => void;
}

export interface ArmServer {
  /** https origin of ARM, of the disk-SAS endpoint and of `/box/`. */
  readonly url: string;
  /** http URL to set as IDENTITY_ENDPOINT. */
  readonly identityEndpoint: string;
  /** Issuer of tokens for the app's own API. */
  readonly issuer: string;
  /** Stops serving; VMs run on, and unfinished operations go on at the next start. */
  close(): Promise<void>;
  /** As `close`, and pulls the plug of every VM. Those that ran run again at the next start. */
  stop(): Promise<void>;
}

/** Milliseconds. By its default of 5 s a client that was at work between two calls may meet a connection that is just being closed. */
const IDLE = 120_000;

/** Starts the simulator on loopback, with what an earlier run left in `data`, or else with the seed. */
export async function startArm(settings: ArmServerSettings): Promise<ArmServer> {
  const { config, data, hypervisor, clock = systemClock } = settings;
  const state = openState(data);
  const { promise: ready, resolve: isReady } = Promise.withResolvers<Box>();
  const arm = createTlsServer(
    settings.tls,
    (request, response) => void ready.then((box) => answerArm(box, request, response)),
  );
  arm.keepAliveTimeout = IDLE;
  const tokens = createServer(
    (request, response) => void ready.then((box) => answerToken(box, request, response)),
  );
  const url = `https://127.0.0.1:${await listen(arm, settings.port)}`;
  const identityEndpoint = `http://127.0.0.1:${await listen(tokens, settings.identityPort)}/msi/token`;
  const issuer = await openIssuer(data, config.tenant, clock, () => url);
  const box = await openBox({ ...settings, state, issuer, url, identityEndpoint });
  isReady(box);
  const close = async () => {
    await box.operations.close();
    await Promise.all([arm, tokens].map(closed));
  };
  return {
    url,
    identityEndpoint,
    issuer: issuer.issuerUrl(),
    close,
    async stop() {
      await close();
      await Promise.all(state.virtualMachines.all().map(({ id }) => hypervisor.powerOff(id)));
    },
  };
}

async function answerToken(box: Box, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.parse(request.url ?? "/", "http://127.0.0.1");
  if (request.method !== "GET" || url?.pathname !== "/msi/token") return send(response, { status: 404 });
  const header = request.headers["x-identity-header"];
  const secret = Array.isArray(header) ? header[0] : header;
  send(response, await managedIdentityToken(box, url.searchParams, secret), {
    "x-ms-request-id": randomUUID(),
  });
}

const listen = (server: Server, port = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
