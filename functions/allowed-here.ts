import type { ItemRecord } from "../engine/recovery/item.ts";
import { allowedWith } from "../engine/recovery/state.ts";
import type { Services } from "./services.ts";

const TURNS: ReadonlySet<string> = new Set(["SwitchProtection", "ReverseReplicate"]);

/** What a user may ask of the item: nobody takes it over where this app knows of no other one. */
export const allowedHere = (
  { peer }: Pick<Services, "peer">,
  { state, test }: Pick<ItemRecord, "state" | "test">,
): ReturnType<typeof allowedWith> =>
  allowedWith(state, test?.state ?? "none").filter(
    (operation) => peer !== undefined || state === "ReversalFailed" || !TURNS.has(operation),
  );
