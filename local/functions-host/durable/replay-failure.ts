import type { OrchestratorState } from "./action.ts";
import { NonDeterminism } from "./decision.ts";
import type { HistoryEvent } from "./history.ts";
import { Planner } from "./planner.ts";

/**
 * What is wrong when the library itself fails in a replay, in words of its own: mostly it is handed the answer to another kind of
 * task than the code asks for now. The history up to that answer tells which.
 * @param ask what the orchestrator asks for after this history; undefined when the library fails
 * @returns undefined when it is not the code that changed
 */
export async function changeBehind(
  history: readonly HistoryEvent[],
  ask: (history: readonly HistoryEvent[]) => Promise<OrchestratorState | undefined>,
): Promise<NonDeterminism | undefined> {
  let good = 0;
  let bad = history.length;
  let state: OrchestratorState | undefined;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const found = await ask(history.slice(0, middle));
    if (found) [good, state] = [middle, found];
    else bad = middle;
  }
  try {
    if (state) new Planner().plan(state.actions.flat(), history.slice(0, good), []);
  } catch (error) {
    if (error instanceof NonDeterminism) return error;
  }
  return undefined;
}
