import { beginCancel } from "../engine/recovery/cancel.ts";
import { jobRoute } from "./job-route.ts";

/** What was failed over is deleted with everything written there: who asks for it wants the source. */
jobRoute(
  { name: "failoverCancel", kind: "cancelFailover", role: "Admin" },
  async (_, __, asked) => (old) => beginCancel(old, asked),
);
