import type { Behaviour } from "../scene.ts";
import { entities } from "./entities.ts";
import { events } from "./events.ts";
import { functions } from "./functions.ts";
import { instances } from "./instances.ts";
import { orchestrations } from "./orchestrations.ts";

/** What an app can rely on, in a sentence each; every one holds whether the host lives or dies meanwhile. */
export const behaviours: readonly Behaviour[] = [
  ...orchestrations,
  ...events,
  ...instances,
  ...entities,
  ...functions,
];
