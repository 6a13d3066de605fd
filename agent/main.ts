import { helperOf } from "./helper.ts";

/**
 * The agent, and its helpers: one program, so that its package is one file. Each loads what it needs and nothing else.
 */
switch (helperOf(process.argv)) {
  case "seal":
    await import("./seal-process.ts");
    break;
  case "hash":
    await import("./hash-process.ts");
    break;
  case "watchdog":
    await import("./freeze/watchdog.ts");
    break;
  case undefined:
    await import("./serve.ts");
}
