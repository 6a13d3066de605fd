import { type Action, isSameAction } from "./action.ts";
import type { HistoryEvent } from "./history.ts";
import { type TaskPlan, TaskWalk, type TimerLimits } from "./task-plan.ts";

/** Azure Storage's limits: a timer beyond six days is made of pieces of three. */
export const TIMER_LIMITS: TimerLimits = { longest: 6 * 86_400_000, piece: 3 * 86_400_000 };

/**
 * Plans the turns of one execution, and goes on where the turn before ended when nothing of what it saw has changed: a long
 * history is walked once, not once a turn.
 */
export class Planner {
  #kept: { walk: TaskWalk; actions: readonly Action[]; events: number } | undefined;

  /**
   * @param past what is stored; what the turn before decided is part of it if it was carried out
   * @throws as TaskWalk's `walk`
   */
  plan(actions: readonly Action[], past: readonly HistoryEvent[], news: readonly HistoryEvent[]): TaskPlan {
    const kept = this.#kept;
    this.#kept = undefined;
    const goesOn =
      kept?.events === past.length && kept.actions.every((old, i) => isSameAction(old, actions[i]));
    const walk = goesOn ? kept.walk.goOn(actions) : new TaskWalk(actions, past, TIMER_LIMITS);
    const plan = walk.walk(goesOn ? news : [...past, ...news]);
    // Stored will be: the news, an event for each decision, and the end of the turn.
    const events = past.length + news.length + plan.decisions.length + 1;
    if (walk.isWaiting && !plan.decisions.some(({ kind }) => kind === "operation"))
      this.#kept = { walk, actions, events };
    return plan;
  }
}
