import path from "node:path";
import { millis } from "../../../engine/core/units.ts";
import { startHost } from "../../../local/functions-host/host.ts";

/** The queue app in a process of its own, whose messages come back soon after it was killed: `queue-host.ts <data> <milliseconds>`. */
const [, , data = "", lease = ""] = process.argv;
const app = path.join(import.meta.dirname, "queue-app");
await startHost({ app, data, port: 0, queueLease: millis(Number(lease)) });
process.stdout.write("ready\n");
