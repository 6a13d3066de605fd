import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Agent, request } from "node:https";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** What happens to one request on its way to the storage and back. */
export interface Meddling {
  /** Changes the body that is sent. */
  readonly sent?: (body: Buffer) => Buffer;
  /** Changes the body that comes back. */
  readonly received?: (body: Buffer) => Buffer;
  /** Cuts the connection when the storage has done it, before the answer. */
  readonly loseAnswer?: boolean;
  /** Answers in the storage's place. */
  readonly answer?: Answer;
  /** Milliseconds before it is passed on. */
  readonly delay?: number;
  /** Called with the size of each body before it goes on its way; it goes when that resolves. */
  readonly pace?: (size: number, signal: AbortSignal) => Promise<void>;
  /** Cuts the connection before the storage hears of it. */
  readonly cut?: boolean;
  /** Sends half of the answer's body, then nothing more. */
  readonly stall?: boolean;
  /** Answers nothing, and keeps the connection until something else is to happen. */
  readonly hang?: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Decides what happens to a request. */
export type Meddle = (method: string, url: string) => Meddling;

interface Exchange {
  readonly from: IncomingMessage;
  readonly to: ServerResponse;
  readonly plan: Meddling;
  /** Origin of the storage. */
  readonly storage: string;
  readonly agent: Agent;
  /** Ends delays, paces and hangs: something else is to happen from now on. */
  readonly over: AbortSignal;
}

/** Carries the request to the storage and the answer back, or does what the plan says in their place. */
export async function carry(exchange: Exchange): Promise<void> {
  const { from, to, plan, over } = exchange;
  const body = await buffer(from);
  if (plan.cut) return void to.destroy();
  if (plan.hang) await once(over, "abort");
  if (plan.hang) return void to.destroy();
  if (plan.delay) await sleep(plan.delay, undefined, { signal: over }).catch(() => undefined);
  if (plan.answer) return void to.writeHead(plan.answer.status, plan.answer.headers).end(plan.answer.body);
  await plan.pace?.(body.length, over);
  await passOn(exchange, await forward(exchange, plan.sent?.(body) ?? body));
}

/** Under the name that the client knows: what the storage writes into its answers leads back here. */
async function forward({ from, storage, agent }: Exchange, body: Buffer): Promise<IncomingMessage> {
  const headers = { ...from.headers, "content-length": String(body.length) };
  const call = request(new URL(from.url ?? "", storage), { method: from.method, headers, agent });
  call.end(body);
  const [answer] = await once(call, "response");
  return answer;
}

async function passOn({ to, plan, over }: Exchange, answer: IncomingMessage): Promise<void> {
  const body = await buffer(answer);
  if (plan.loseAnswer) return void to.destroy();
  await plan.pace?.(body.length, over);
  to.writeHead(answer.statusCode ?? 500, answer.headers);
  if (plan.stall) to.write(body.subarray(0, body.length / 2));
  else to.end(plan.received?.(body) ?? body);
}
