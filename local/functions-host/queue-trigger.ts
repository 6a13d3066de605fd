import type { DequeuedMessageItem, QueueClient } from "@azure/storage-queue";
import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { type Millis, millis } from "../../engine/core/units.ts";
import { type RegisteredFunction, triggerOf } from "./core-api.ts";
import type { Invoker } from "./invocation.ts";
import { queueService } from "./queue-connection.ts";
import { substitute } from "./settings.ts";
import type { TypedData } from "./typed-data.ts";

/** host.json, `extensions.queues`; the defaults are Azure's. */
export interface QueueSettings {
  readonly batchSize: number;
  /** The next batch is fetched when no more than this many messages are at work. */
  readonly newBatchThreshold: number;
  readonly maxDequeueCount: number;
  /** How long a message that failed stays out of sight. */
  readonly visibilityTimeout: Millis;
  readonly maxPollingInterval: Millis;
  readonly messageEncoding: "base64" | "none";
}

export interface QueueContext {
  readonly clock: Clock;
  readonly invoker: Invoker;
  readonly settings: QueueSettings;
  /** How long a message at work is out of others' sight; that is renewed, halfway, for as long as it takes. */
  readonly lease: Millis;
  /** Input bindings besides the trigger. */
  readonly inputs: (fn: RegisteredFunction) => Record<string, TypedData>;
  readonly failed: (fn: RegisteredFunction, error: unknown) => void;
  readonly warn: (message: string) => void;
}

const FIRST_PAUSE = millis(100);
/** The real host's. */
export const QUEUE_LEASE = millis(600_000);

/**
 * A function that a storage queue triggers. A message is deleted when the function has succeeded; one that fails comes
 * back, and after `maxDequeueCount` tries it moves to the queue's poison queue. So a message is handled at least once.
 */
export class QueueTrigger {
  readonly #fn: RegisteredFunction;
  readonly #context: QueueContext;
  readonly #queue: QueueClient;
  readonly #poison: QueueClient;
  readonly #stop = new AbortController();
  readonly #atWork = new Set<Promise<void>>();
  #polling: Promise<number> = Promise.resolve(0);
  #complaint = "";

  /** @throws LeewardError InvalidSetting when the queue or its connection is not named */
  constructor(fn: RegisteredFunction, context: QueueContext) {
    this.#fn = fn;
    this.#context = context;
    const { queueName, connection } = triggerOf(fn).options;
    if (typeof queueName !== "string" || queueName === "")
      throw new LeewardError("InvalidSetting", `queue function ${fn.name} has no queueName`);
    const where = `the queue of ${fn.name}`;
    const service = queueService(typeof connection === "string" ? connection : "", where);
    const name = substitute(queueName, where);
    this.#queue = service.getQueueClient(name);
    this.#poison = service.getQueueClient(`${name}-poison`);
  }

  /** Takes messages until `stop`; an empty queue is asked less and less often. */
  async start(): Promise<void> {
    const { clock, settings } = this.#context;
    let pause: Millis = FIRST_PAUSE;
    while (!this.#stop.signal.aborted) {
      this.#polling = this.#takeBatch();
      const taken = await this.#polling;
      pause = taken > 0 ? FIRST_PAUSE : millis(Math.min(pause * 2, settings.maxPollingInterval));
      if (taken === 0) await clock.sleep(pause, this.#stop.signal).catch(() => undefined);
      while (this.#atWork.size > settings.newBatchThreshold) await Promise.race(this.#atWork);
    }
  }

  /** What is at work may end; nothing new is taken. */
  stop(): void {
    this.#stop.abort();
  }

  /** Resolves when nothing is asked for and nothing is at work. */
  async idle(): Promise<void> {
    await this.#polling;
    await Promise.all(this.#atWork);
  }

  /** How many messages there were. A storage that does not answer is told of once, and asked again. */
  async #takeBatch(): Promise<number> {
    try {
      const { receivedMessageItems } = await this.#queue.receiveMessages({
        numberOfMessages: this.#context.settings.batchSize,
        visibilityTimeout: secondsOf(this.#context.lease),
        abortSignal: this.#stop.signal,
      });
      this.#complaint = "";
      for (const message of receivedMessageItems) this.#begin(message);
      return receivedMessageItems.length;
    } catch (error) {
      if (!this.#stop.signal.aborted && !isMissing(error)) this.#complain(messageOf(error));
      return 0;
    }
  }

  #complain(why: string): void {
    if (why === this.#complaint) return;
    this.#complaint = why;
    this.#context.warn(`queue ${this.#queue.name} of ${this.#fn.name} cannot be read: ${why}`);
  }

  #begin(message: DequeuedMessageItem): void {
    const work: Promise<void> = this.#handle(message)
      .catch((error: unknown) => this.#context.failed(this.#fn, error))
      .finally(() => this.#atWork.delete(work));
    this.#atWork.add(work);
  }

  async #handle(message: DequeuedMessageItem): Promise<void> {
    const { settings, failed, warn } = this.#context;
    const lease = new Lease(this.#queue, message, this.#context);
    const text = decoded(message.messageText, settings.messageEncoding);
    if (text === undefined) {
      warn(
        `message ${message.messageId} of queue ${this.#queue.name} is not base64: it goes to the poison queue`,
      );
      return this.#toPoison(message, await lease.end());
    }
    if (message.dequeueCount > settings.maxDequeueCount) return this.#toPoison(message, await lease.end());
    try {
      await this.#invoke(message, text);
      await this.#queue.deleteMessage(message.messageId, await lease.end());
    } catch (error) {
      const receipt = await lease.end();
      failed(this.#fn, error);
      if (message.dequeueCount >= settings.maxDequeueCount) return this.#toPoison(message, receipt);
      await this.#queue.updateMessage(
        message.messageId,
        receipt,
        undefined,
        secondsOf(settings.visibilityTimeout),
      );
    }
  }

  async #invoke(message: DequeuedMessageItem, text: string): Promise<void> {
    const { invoker, inputs } = this.#context;
    await invoker.invoke(this.#fn, {
      inputs: { [triggerOf(this.#fn).name]: { string: text }, ...inputs(this.#fn) },
      triggerMetadata: metadataOf(message, text),
    });
  }

  /** First there, then gone from here: twice rather than lost. */
  async #toPoison(message: DequeuedMessageItem, receipt: string): Promise<void> {
    await this.#poison.createIfNotExists();
    await this.#poison.sendMessage(message.messageText, { messageTimeToLive: -1 });
    await this.#queue.deleteMessage(message.messageId, receipt);
    this.#context.warn(`message ${message.messageId} was moved to the queue ${this.#poison.name}`);
  }
}

/** Keeps a message out of others' sight while it is at work. Each renewal gives it a new receipt. */
class Lease {
  readonly #ended = new AbortController();
  readonly #renewals: Promise<string>;

  constructor(
    queue: QueueClient,
    { messageId, popReceipt }: DequeuedMessageItem,
    { clock, lease }: Pick<QueueContext, "clock" | "lease">,
  ) {
    const renew = async () => {
      let receipt = popReceipt;
      while (await isOver(clock.sleep(millis(lease / 2), this.#ended.signal)))
        receipt =
          (await queue.updateMessage(messageId, receipt, undefined, secondsOf(lease))).popReceipt ?? receipt;
      return receipt;
    };
    this.#renewals = renew();
    // Who asks for the receipt is told.
    this.#renewals.catch(() => undefined);
  }

  /** The receipt that is valid now. */
  end(): Promise<string> {
    this.#ended.abort();
    return this.#renewals;
  }
}

/** What the queue counts in. */
const secondsOf = (duration: Millis): number => Math.ceil(duration / 1000);

const isOver = (sleep: Promise<void>): Promise<boolean> =>
  sleep.then(
    () => true,
    () => false,
  );

/** As the real host, which never makes a queue that functions only read. */
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "statusCode" in error && error.statusCode === 404;

/** undefined when the text is not what it should be. */
function decoded(text: string, encoding: QueueSettings["messageEncoding"]): string | undefined {
  if (encoding === "none") return text;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text.trim() ? bytes.toString() : undefined;
}

const metadataOf = (message: DequeuedMessageItem, text: string): Record<string, TypedData> => ({
  QueueTrigger: { string: text },
  Id: { string: message.messageId },
  PopReceipt: { string: message.popReceipt },
  DequeueCount: { int: message.dequeueCount },
  InsertionTime: { string: message.insertedOn.toISOString() },
  ExpirationTime: { string: message.expiresOn.toISOString() },
  NextVisibleTime: { string: message.nextVisibleOn.toISOString() },
});
