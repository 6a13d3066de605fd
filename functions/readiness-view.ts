import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import { FINDINGS } from "../engine/recovery/findings.ts";
import type { ReadinessRecord } from "../engine/recovery/readiness.ts";

export const readinessView = ({
  checkedAt,
  problem,
  found,
}: ReadinessRecord): NonNullable<LeewardItem["readiness"]> => ({
  checkedTime: checkedAt === undefined ? null : toIso(checkedAt),
  problem: problem ?? null,
  findings: found.map(({ code, message, since }) => ({
    code,
    level: FINDINGS[code].level,
    message,
    remedy: FINDINGS[code].remedy,
    sinceTime: toIso(since),
  })),
});
