import { ManagedIdentityCredential } from "@azure/identity";
import type { AgentConfig } from "../engine/contract/agent-api.ts";
import { AGENT_VERSION } from "../engine/contract/agent-version.ts";
import { systemClock } from "../engine/core/clock.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import { AzureObjectStore } from "../engine/storage/azure-object.ts";
import { connectContainerBySas } from "../engine/storage/connect.ts";
import { Capture } from "./capture.ts";
import { connectControlPlane } from "./control-plane.ts";
import { CommandFreezer } from "./freeze/freezer.ts";
import { HASHERS, Hasher } from "./hasher.ts";
import { type SpoolLock, lockSpool } from "./lock.ts";
import { nodeFiles } from "./node-files.ts";
import { type NbdServer, serveNbd } from "./nbd/server.ts";
import { Sealer } from "./sealer.ts";
import { Session } from "./session.ts";
import { type AgentSettings, USAGE, readSettings } from "./settings.ts";
import { writeStatus } from "./status.ts";

const STATUS_EVERY_MS = 1000;
/** An orderly stop uploads for at most so long; the rest waits in the spool for the next start. */
const PATIENCE = millis(20_000);

const EXIT_USAGE = 2;

try {
  const settings = readSettings(process.argv.slice(2));
  if (settings) await start(settings);
  else process.stdout.write(USAGE);
} catch (error) {
  process.stderr.write(`leeward agent: ${messageOf(error)}\n`);
  if (error instanceof LeewardError) process.stderr.write(`${error.remedy}\n`);
  process.exitCode = error instanceof LeewardError && error.class === "input" ? EXIT_USAGE : 1;
}

async function start(settings: AgentSettings): Promise<void> {
  const lock = lockSpool(settings.spoolDirectory);
  try {
    const sealer = new Sealer();
    const hasher = new Hasher();
    const sessions: Session[] = [];
    const freezer = new CommandFreezer(settings.spoolDirectory, () => settings.freeze ?? sessions[0]?.freeze);
    void freezer.keepThawing();
    const capture = new Capture({
      ...settings,
      freezer,
      draftSegment: (task) => sealer.draft(task),
      hashBlocks: (...range) => hasher.hash(...range),
      hashers: HASHERS,
    });
    const server = await serveNbd(settings.listen, capture.exports);
    const session = settings.configFile === undefined ? undefined : openSession(capture, settings.configFile);
    if (session) sessions.push(session);
    attend(settings, { lock, capture, server, sealer, hasher, session });
  } catch (error) {
    lock.release();
    throw error;
  }
}

interface Parts {
  readonly lock: SpoolLock;
  readonly capture: Capture;
  readonly server: NbdServer;
  readonly sealer: Sealer;
  readonly hasher: Hasher;
  readonly session: Session | undefined;
}

function attend(settings: AgentSettings, parts: Parts): void {
  const { capture, server, session } = parts;
  const { uri } = server;
  const report = () =>
    writeStatus(nodeFiles, settings.spoolDirectory, {
      pid: process.pid,
      version: AGENT_VERSION,
      nbd: uri,
      ...(capture.status && { journal: capture.status }),
      ...(session?.problem && { controlPlane: session.problem }),
    });
  const timer = setInterval(report, STATUS_EVERY_MS);
  const stop = () => {
    clearInterval(timer);
    void end(parts).then(report);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const exports = capture.exports.map(({ name, size }) => ({ name, size }));
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, nbd: uri, exports })}\n`);
  void session?.run();
}

/** Clients first, so that nothing is written any more; then the journal; the lock last. */
async function end({ lock, capture, server, sealer, hasher, session }: Parts): Promise<void> {
  try {
    session?.close();
    await server.close();
    await capture.close(PATIENCE);
    await session?.farewell();
    sealer.close();
    hasher.close();
  } catch (error) {
    process.stderr.write(`leeward agent: ${messageOf(error)}\n`);
    process.exitCode = 1;
  } finally {
    lock.release();
  }
}

function openSession(capture: Capture, configFile: string): Session {
  const credential = new ManagedIdentityCredential();
  return new Session({
    capture,
    configFile,
    clock: systemClock,
    connect: (config: AgentConfig) =>
      connectControlPlane(
        config,
        async () => (await credential.getToken(`${config.audience}/.default`)).token,
      ),
    openCache: (url) => new AzureObjectStore(connectContainerBySas(url)),
  });
}
