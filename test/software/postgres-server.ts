import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { find, run } from "./programs.ts";

/** Small everywhere, so that log segments are recycled and pages evicted, flushed and checkpointed all the time. */
const CONFIG = `
listen_addresses = ''
shared_buffers = 1MB
max_wal_size = 4MB
min_wal_size = 2MB
checkpoint_timeout = 30s
checkpoint_completion_target = 0.5
bgwriter_delay = 10ms
autovacuum_naptime = 1s
max_connections = 12
`;

/** PostgreSQL does not run as root: it has a user of its own. */
export class PostgresServer {
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #data: string;
  readonly #sockets: string;
  #server: ChildProcess | undefined;

  /** @param data directory of the cluster, as the server sees it @param sockets made for the clients */
  static async of(data: string, sockets: string): Promise<PostgresServer> {
    const [uid, gid] = [Number(await run("id", "-u", "postgres")), Number(await run("id", "-g", "postgres"))];
    mkdirSync(sockets);
    chownSync(sockets, uid, gid);
    return new PostgresServer({ uid, gid }, data, sockets);
  }

  private constructor(owner: { uid: number; gid: number }, data: string, sockets: string) {
    this.#owner = owner;
    this.#data = data;
    this.#sockets = sockets;
  }

  /**
   * Makes an empty cluster `data` with page checksums below the first directory. With a second one its log goes there, and
   * is found under `log`.
   */
  async create(directory: string, logDirectory?: string, log?: string): Promise<void> {
    for (const each of [directory, logDirectory ?? []].flat()) {
      mkdirSync(each);
      chownSync(each, this.#owner.uid, this.#owner.gid);
    }
    const data = path.join(directory, "data");
    const options = ["--data-checksums", "--wal-segsize=1", "--auth=trust", "--no-locale", "--no-sync"];
    await this.#run("initdb", ["-D", data, "--encoding=UTF8", ...options]);
    appendFileSync(path.join(data, "postgresql.conf"), CONFIG);
    if (logDirectory === undefined || log === undefined) return;
    renameSync(path.join(data, "pg_wal"), path.join(logDirectory, "pg_wal"));
    symlinkSync(path.join(log, "pg_wal"), path.join(data, "pg_wal"));
  }

  async start(): Promise<void> {
    this.#server = this.#spawn("postgres", ["-D", this.#data, "-k", this.#sockets]);
    this.#server.stderr?.resume();
    const over = once(this.#server, "exit").then(failed);
    over.catch(() => undefined);
    while (!(await this.#isReady())) await Promise.race([sleep(50), over]);
  }

  async stop(): Promise<void> {
    const over = this.#server && once(this.#server, "exit");
    this.#server?.kill("SIGINT");
    await over;
  }

  /** A session. Each call resolves when the server has carried the statements out. */
  session(): (sql: string) => Promise<void> {
    const psql = spawn("psql", ["-X", "-q", "-h", this.#sockets, "-U", "postgres", "-v", "ON_ERROR_STOP=1"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface(psql.stdout)[Symbol.asyncIterator]();
    return async (sql) => {
      psql.stdin.write(`${sql}\n\\echo done\n`);
      for (let said = await lines.next(); said.value !== "done"; said = await lines.next())
        if (said.done) throw new Error(`psql ended at: ${sql}`);
    };
  }

  /**
   * Recovers the cluster in single-user mode, answers the queries and shuts it down cleanly. Each query is one line and
   * gives one row with one column.
   * @throws with what the server said when it does not come up, or a query fails
   */
  async recover(queries: readonly string[]): Promise<string[]> {
    const quick = ["-c", "fsync=off", "-c", "log_min_messages=error", "-c", "autovacuum=off"];
    const said = await this.#run("postgres", ["--single", ...quick, "-D", this.#data, "postgres"], queries);
    return [...said.matchAll(/^\t 1: \S+ = "(.*)"\t\(/gm)].map(([, value = ""]) => value);
  }

  /** @throws when a page is not what its checksum says */
  async checkPages(): Promise<void> {
    await this.#run("pg_checksums", ["--check", "-D", this.#data]);
  }

  async #isReady(): Promise<boolean> {
    const probe = spawn("pg_isready", ["-q", "-h", this.#sockets]);
    return (await once(probe, "exit"))[0] === 0;
  }

  async #run(program: string, args: readonly string[], input: readonly string[] = []): Promise<string> {
    const child = this.#spawn(program, args);
    // One that ends before it has read all says why by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input.map((line) => `${line}\n`).join(""));
    const over = once(child, "exit");
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await over;
    if (code === 0 && !/^.*(ERROR|FATAL|PANIC): /m.test(complaint)) return said;
    throw new Error(`${program} ended with ${code}: ${complaint.trim()}`);
  }

  #spawn(program: string, args: readonly string[]) {
    return spawn(find(program) ?? program, args, { ...this.#owner, stdio: "pipe" });
  }
}

function failed(): never {
  throw new Error("PostgreSQL did not start");
}
