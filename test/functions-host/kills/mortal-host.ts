import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Keys } from "../../../local/functions-host/keys.ts";
import { type ChildHost, end, spawnHost } from "../../local/functions-host/child-host.ts";
import type { Heard, Stage } from "../stage.ts";
import type { Deployment } from "./deployment.ts";

interface Life {
  readonly host: ChildHost;
  /** Whether it was killed, or is about to be. */
  doomed: boolean;
}

/** A host in a process of its own that is killed and started again over the same state. */
export class MortalHost implements Stage {
  readonly second = 0.05;
  readonly patience = 300;
  /** How long the last life needed to serve, in milliseconds. */
  birth = 0;
  readonly #data: string;
  readonly #deployment: Deployment;
  readonly #preload: string | undefined;
  #over = false;
  #child: ChildProcess | undefined;
  #serving = Promise.withResolvers<Life>();
  #life: Life | undefined;

  /**
   * @param data folder of the state and of the app's ledger
   * @param preload a module that every life loads first
   */
  constructor(data: string, deployment: Deployment, preload?: string) {
    this.#data = data;
    this.#deployment = deployment;
    this.#preload = preload;
  }

  get keys(): Keys {
    const keys: Keys = JSON.parse(readFileSync(path.join(this.#data, "keys.json"), "utf8"));
    return keys;
  }

  notes(): string[] {
    const file = this.#ledger;
    return existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  }

  get #ledger(): string {
    return path.join(this.#data, "ledger");
  }

  /** Begins a life. True once it serves, false when it was killed before. */
  async live(): Promise<boolean> {
    const began = performance.now();
    const { main, app } = this.#deployment;
    const args = ["--app", app, "--data", this.#data, "--port", "0"];
    const env: Record<string, string> = { LEDGER_FILE: this.#ledger };
    if (this.#preload !== undefined) env["NODE_OPTIONS"] = `--import=${this.#preload}`;
    try {
      const host = await spawnHost(args, env, { main, begun: (child) => (this.#child = child) });
      this.birth = performance.now() - began;
      this.#life = { host, doomed: false };
      this.#serving.resolve(this.#life);
      return true;
    } catch (error) {
      if (this.#child?.signalCode === "SIGKILL") return false;
      throw error;
    }
  }

  /** Ends the life under way with `kill -9`, at whatever it is. */
  async kill(): Promise<void> {
    if (this.#life) {
      this.#life.doomed = true;
      this.#serving = Promise.withResolvers();
      await end(this.#life.host, "SIGKILL");
      this.#life = undefined;
    } else this.#child?.kill("SIGKILL");
  }

  /** Whoever still waits for something is told that it is over. */
  giveUp(): void {
    this.#over = true;
  }

  async stop(): Promise<void> {
    if (this.#life) await end(this.#life.host, "SIGTERM");
  }

  /** @throws Error when the host ended without having been killed */
  async ask(target: string, init?: RequestInit): Promise<Heard | undefined> {
    const life = await this.#serving.promise;
    if (this.#over) throw new Error("it is over");
    try {
      const answer = await fetch(life.host.url + target, init);
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    } catch (error) {
      if (life.doomed) return undefined;
      throw new Error(`the host stopped answering by itself: ${life.host.log().slice(-2000)}`, {
        cause: error,
      });
    }
  }

  pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 60));
  }
}
