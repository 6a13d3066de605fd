import https from "node:https";

/** What a run of calls came to. */
export interface Load {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly median: number;
  readonly p99: number;
}

export interface Target {
  readonly method: "GET" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Side by side, each waiting for its answer before it asks again: a portal, a script and some agents. */
const CLIENTS = 4;

/**
 * So many calls over connections that stay open, by `CLIENTS` at once.
 * @throws Error for an answer that is neither 200 nor 202
 */
export async function load(target: Target, calls: number): Promise<Load> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: CLIENTS });
  try {
    return await timed(() => ask(agent, target), calls);
  } finally {
    agent.destroy();
  }
}

/** So many of these, by `CLIENTS` at once. */
export async function timed(call: () => Promise<void>, calls: number): Promise<Load> {
  await Promise.all(Array.from({ length: CLIENTS }, call));
  const times: number[] = [];
  const began = performance.now();
  const client = async () => {
    while (times.length < calls) {
      const at = performance.now();
      const slot = times.push(0) - 1;
      await call();
      times[slot] = performance.now() - at;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const seconds = (performance.now() - began) / 1000;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { perSecond: times.length / seconds, median: at(0.5), p99: at(0.99) };
}

function ask(agent: https.Agent, { method, url, headers, body }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = {
      ...headers,
      ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
    };
    const request = https.request(url, { agent, method, headers: sent }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString();
        if (answer.statusCode === 200 || answer.statusCode === 202) resolve();
        else reject(new Error(`${method} ${url} answered ${answer.statusCode}: ${text.slice(0, 300)}`));
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}
