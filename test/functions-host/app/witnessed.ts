import {
  app as durable,
  type EntityContext,
  type OrchestrationContext,
  type OrchestrationHandler,
} from "durable-functions";
import { note } from "./ledger.ts";

type Df = OrchestrationContext["df"];

/** One thing that an orchestrator asked for, and the instant of its clock at which it did. */
export interface Decision {
  /** Behind those that it is a sub-orchestration of. */
  readonly instance: string;
  /** When its parent asked for it, and that one's parent for that. */
  readonly because: string;
  /** How often the instance had continued as new before. */
  readonly generation: number;
  /** Its place among the decisions of the generation. */
  readonly nth: number;
  readonly asks: string;
  readonly at: string;
}

/** What carries an input while decisions are witnessed. */
interface Witnessed<T> {
  readonly witnessed: true;
  readonly decision?: Decision;
  readonly generation?: number;
  readonly value: T;
}

/** Only where the ledger outlives the process: whoever looks at inputs elsewhere finds them as they were written. */
const witnessing = process.env["LEDGER_FILE"] !== undefined;

/**
 * Registers as the library's own `app` does. In addition every decision of an orchestrator travels with what it asked for,
 * and whoever is asked writes it into the ledger: a decision that was taken twice stands there twice, with two instants.
 */
export const app = {
  orchestration(name: string, flow: OrchestrationHandler): void {
    durable.orchestration(name, function* (context: OrchestrationContext) {
      if (witnessing) witness(context.df);
      return yield* flow(context);
    });
  },

  activity<I>(name: string, { handler }: { handler: (input: I) => unknown }): void {
    durable.activity(name, { handler: (given: I | Witnessed<I>) => handler(opened(given)) });
  },

  entity<S>(name: string, handler: (context: EntityContext<S>) => unknown): void {
    durable.entity<S>(name, (context) => {
      if (witnessing) unwrapInput(context.df, opened);
      return handler(context);
    });
  },
};

function witness(df: Df): void {
  const { generation, parent } = originOf(df.getInput());
  unwrapInput(df, (input) => (isWitnessed(input) ? input.value : input));
  const because = parent ? `${parent.because} ${parent.at}` : "";
  const instance = parent ? `${parent.instance} > ${df.instanceId}` : df.instanceId;
  let nth = 0;
  const decided = (asks: string, value: unknown): Witnessed<unknown> => ({
    witnessed: true,
    decision: {
      instance,
      because,
      generation,
      nth: nth++,
      asks,
      at: df.currentUtcDateTime.toISOString(),
    },
    value,
  });
  const { callActivity, callActivityWithRetry, callSubOrchestrator, callSubOrchestratorWithRetry } =
    bound(df);
  const { callEntity, signalEntity, continueAsNew } = bound(df);
  Object.assign(df, {
    callActivity: (name, input) => callActivity(name, decided(`activity ${name}`, input)),
    callActivityWithRetry: (name, retry, input) =>
      callActivityWithRetry(name, retry, decided(`activity ${name}`, input)),
    callSubOrchestrator: (name, input, ...more) =>
      callSubOrchestrator(name, decided(`orchestration ${name}`, input), ...more),
    callSubOrchestratorWithRetry: (name, retry, input, ...more) =>
      callSubOrchestratorWithRetry(name, retry, decided(`orchestration ${name}`, input), ...more),
    callEntity: (id, operation, input) => callEntity(id, operation, decided(`call of ${operation}`, input)),
    signalEntity: (id, operation, input) =>
      signalEntity(id, operation, decided(`signal of ${operation}`, input)),
    continueAsNew: (value) =>
      continueAsNew({
        witnessed: true,
        generation: generation + 1,
        ...(parent ? { decision: parent } : {}),
        value,
      }),
  } satisfies Partial<Df>);
}

const bound = (df: Df) => ({
  callActivity: df.callActivity.bind(df),
  callActivityWithRetry: df.callActivityWithRetry.bind(df),
  callSubOrchestrator: df.callSubOrchestrator.bind(df),
  callSubOrchestratorWithRetry: df.callSubOrchestratorWithRetry.bind(df),
  callEntity: df.callEntity.bind(df),
  signalEntity: df.signalEntity.bind(df),
  continueAsNew: df.continueAsNew.bind(df),
});

function unwrapInput(df: { getInput<T>(): T | undefined }, unwrap: (given: unknown) => unknown): void {
  const input = unwrap(df.getInput());
  Object.assign(df, { getInput: () => input });
}

/**
 * The input itself; the decision behind it goes into the ledger. Only where the host lets functions act outside: an orchestrator
 * may run, to be forgotten, before what it runs upon is durable.
 */
function opened<T>(given: T | Witnessed<T>): T {
  if (!isWitnessed(given)) return given;
  if (given.decision) note(`decision ${JSON.stringify({ ...given.decision, input: given.value })}`);
  return given.value;
}

const isWitnessed = <T>(given: T | Witnessed<T>): given is Witnessed<T> =>
  typeof given === "object" && given !== null && "witnessed" in given;

function originOf(input: unknown): { generation: number; parent: Decision | undefined } {
  if (!isWitnessed(input)) return { generation: 0, parent: undefined };
  return { generation: input.generation ?? 0, parent: input.decision };
}
