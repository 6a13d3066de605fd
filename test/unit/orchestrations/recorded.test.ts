import { beforeAll, expect, test } from "vitest";
import { injectCoreApi, registry } from "../../../local/functions-host/core-api.ts";
import { isState } from "../../../local/functions-host/durable/action.ts";
import { hiddenState } from "../../../local/functions-host/durable/failures.ts";
import { EventType, type HistoryEvent, isScheduled } from "../../../local/functions-host/durable/history.ts";
import { Planner } from "../../../local/functions-host/durable/planner.ts";
import { replayed, triggerValue } from "../../../local/functions-host/durable/replayed.ts";
import { messageOf } from "../../../engine/core/errors.ts";
import { type RecordedHistory, recordedHistories } from "../../histories/recorded.ts";

const recorded = recordedHistories();

beforeAll(async () => {
  injectCoreApi();
  await import("../../../functions/orchestrations.ts");
});

test.each(recorded)(
  "an instance of $orchestration that runs goes on with today's code ($file)",
  async (history) => {
    await expect(replay(history)).resolves.toBeUndefined();
  },
);

test("there is one history at least of each orchestration", () => {
  const known = [...registry.functions.values()].map(({ name }) => name);
  expect(known.length).toBeGreaterThan(9);
  expect(new Set(recorded.map(({ orchestration }) => orchestration))).toEqual(new Set(known));
});

test.each(recorded.filter(hasSteps))("another first step would be noticed ($file)", async (history) => {
  const at = history.events.findIndex(isScheduled);
  const changed = history.events.with(at, otherStep(history.events[at]));
  await expect(replay({ ...history, events: changed })).rejects.toThrow(/would break|asked for/);
});

function hasSteps({ events }: RecordedHistory): boolean {
  return events.some(isScheduled);
}

/** As if an older version of the orchestration had asked for it. */
function otherStep(event: HistoryEvent | undefined): HistoryEvent {
  if (event?.EventType === EventType.TaskScheduled) return { ...event, Name: "a step that is gone" };
  if (event?.EventType !== EventType.TimerCreated) throw new Error("the first step is a task or a timer");
  const { FireAt: _, ...rest } = event;
  return { ...rest, EventType: EventType.TaskScheduled, Name: "a step that is gone", Input: null };
}

/** @throws Error saying which orchestration breaks, where, and what to do */
async function replay({ orchestration, input, events }: RecordedHistory): Promise<void> {
  const fn = [...registry.functions.values()].find(({ name }) => name === orchestration);
  if (!fn) throw new Error(broken(orchestration, "no orchestration of that name is left"));
  const instance = { id: "recorded", input: JSON.stringify(input), parent: null };
  const trigger = triggerValue(instance, replayed(events), true);
  const answer = await answerOf(() => fn.callback(trigger, {}), orchestration);
  if (!isState(answer)) throw new Error(broken(orchestration, "the library gave no answer"));
  try {
    new Planner().plan(answer.actions.flat(), events, []);
  } catch (error) {
    throw new Error(broken(orchestration, messageOf(error)), { cause: error });
  }
}

/** Also of an orchestration that failed. */
async function answerOf(call: () => unknown, orchestration: string): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    const hidden = hiddenState(error);
    if (hidden === undefined) throw new Error(broken(orchestration, messageOf(error)), { cause: error });
    return JSON.parse(hidden);
  }
}

const broken = (orchestration: string, why: string): string =>
  `today's ${orchestration} would break instances that are running: ${why}. Give the changed orchestration another name and let the ` +
  "old one run out, or make the change where no running instance can be";
