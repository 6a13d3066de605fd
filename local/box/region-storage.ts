import path from "node:path";
import { type Azurite, startAzurite } from "../azurite/azurite.ts";
import type { Certificates } from "../tls/certificate.ts";
import { logFile } from "../process/log-file.ts";
import { forgetPid, writePid } from "../process/pid-file.ts";
import { type Meddler, startMeddler } from "../trouble/meddler.ts";
import { type Trouble, meddleFor } from "../trouble/trouble.ts";
import type { BoxPlan } from "./plan.ts";

type Side = "source" | "target";

/**
 * The storage of one region: Azurite, and before each of its services a door that everybody else goes through, where
 * troubles are made. Nobody but the door knows where Azurite really listens.
 */
export class RegionStorage {
  readonly #plan: BoxPlan;
  readonly #certificates: Certificates;
  readonly #side: Side;
  readonly #blob: Meddler;
  readonly #table: Meddler;
  #azurite: Azurite;
  #trouble: Trouble = "none";
  #lost = false;

  /** @throws LeewardError StorageUnavailable when Azurite does not start; the system's error when a port is taken */
  static async start(plan: BoxPlan, certificates: Certificates, side: Side): Promise<RegionStorage> {
    const azurite = await start(plan, certificates, side);
    try {
      const door = (service: "Blob" | "Table") =>
        startMeddler(originOf(azurite, service), certificates, plan.ports[`${side}${service}`]);
      const [blob, table] = await Promise.all([door("Blob"), door("Table")]);
      return new RegionStorage({ plan, certificates, side, azurite, blob, table });
    } catch (error) {
      await azurite.stop();
      throw error;
    }
  }

  private constructor(s: {
    plan: BoxPlan;
    certificates: Certificates;
    side: Side;
    azurite: Azurite;
    blob: Meddler;
    table: Meddler;
  }) {
    this.#plan = s.plan;
    this.#certificates = s.certificates;
    this.#side = s.side;
    this.#azurite = s.azurite;
    this.#blob = s.blob;
    this.#table = s.table;
  }

  get trouble(): Trouble {
    return this.#trouble;
  }

  /** From now on, also for requests that are under way; of a lost region, from its return on. */
  async make(trouble: Trouble): Promise<void> {
    this.#trouble = trouble;
    this.#blob.meddle = meddleFor(trouble);
    this.#table.meddle = trouble === "silent" ? meddleFor(trouble) : undefined;
    const closed = this.#lost || trouble === "gone";
    for (const door of this.#doors) await (closed ? door.close() : door.open());
  }

  /** SIGKILL, and nobody listens any more. */
  async lose(): Promise<void> {
    this.#lost = true;
    await Promise.all([this.#azurite.kill(), ...this.#doors.map((door) => door.close())]);
  }

  /** Back, with whatever its files hold. Of a region that was never lost nothing is forgotten. */
  async restore(): Promise<void> {
    await this.#azurite.stop();
    this.#azurite = await start(this.#plan, this.#certificates, this.#side);
    this.#blob.leadTo(originOf(this.#azurite, "Blob"));
    this.#table.leadTo(originOf(this.#azurite, "Table"));
    this.#lost = false;
    await this.make(this.#trouble);
  }

  async stop(): Promise<void> {
    await this.#azurite.stop();
    for (const door of this.#doors) await door[Symbol.asyncDispose]();
  }

  get #doors(): readonly Meddler[] {
    return [this.#blob, this.#table];
  }
}

const originOf = ({ ports }: Azurite, service: "Blob" | "Table"): string =>
  `https://127.0.0.1:${service === "Blob" ? ports.blob : ports.table}`;

async function start({ directory, accounts }: BoxPlan, tls: Certificates, side: Side): Promise<Azurite> {
  const name = `azurite-${side}`;
  const started = await startAzurite({
    directory: path.join(directory, "azurite", side),
    accounts: accounts[side],
    tls,
    log: logFile(directory, name),
  });
  writePid(directory, name, started.pid);
  void started.exited.then(() => forgetPid(directory, name));
  return started;
}
