import { beginCommit } from "../engine/recovery/commit.ts";
import { jobRoute } from "./job-route.ts";

/** Behind it there is no other point, and no going back to the source. */
jobRoute(
  { name: "failoverCommit", kind: "commit", role: "Admin" },
  async (_, __, asked) => (old) => beginCommit(old, asked),
);
