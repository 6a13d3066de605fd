import { nodeMachine } from "./node-machine.ts";
import { type FreezeTask, type WatchdogWord, watch } from "./watch.ts";

/** A process of its own, so that it outlives the agent, which it hears end as its channel closes. */
const over = new AbortController();
process.on("disconnect", () => over.abort());
process.on("message", (message: FreezeTask | "thaw") => {
  if (message === "thaw") over.abort();
  else void watch(nodeMachine, message, over.signal, say).then(end);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => over.abort());

/** Nobody may be there to hear it. */
function say(word: WatchdogWord, said?: () => void): void {
  if (process.connected) process.send?.(word, undefined, undefined, () => said?.());
  else said?.();
}

const end = (word: WatchdogWord): void => say(word, () => process.exit());
