import type { MarkView } from "../engine/contract/figures.ts";
import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { guestBytes } from "../engine/recovery/guest-writes.ts";
import type { Reached } from "../engine/recovery/losses.ts";
import type { Watermarks } from "../engine/recovery/watermarks.ts";

/** The watermarks as the API shows them. */
export function marksView(marks: Watermarks): LeewardItem["watermarks"] {
  const { captured, cached, arrived, applied, verified } = marks;
  return {
    ...(captured && { captured: view(captured) }),
    ...(cached && { cached: view(cached) }),
    ...(arrived && { arrived: view(arrived) }),
    ...(applied && { applied: view(applied) }),
    ...(verified && { verified: view(verified) }),
  };
}

function view({ generation, sequence, time, ...amounts }: Reached): MarkView {
  const bytes = guestBytes(amounts);
  return { generation, sequence, time, bytes, copiedBytes: amounts.bytes - bytes };
}

/** Bytes of the guest, and of copies, that lie between two marks, of which the first is ahead. */
export interface Lag {
  readonly bytes: number;
  readonly copiedBytes: number;
}

/** Bytes are counted in each generation: what lags behind a new one has all of it before it. */
export function lagBehind(ahead: Reached | undefined, last: Reached | undefined): Lag {
  if (!ahead) return { bytes: 0, copiedBytes: 0 };
  const from = last?.generation === ahead.generation ? view(last) : { bytes: 0, copiedBytes: 0 };
  const to = view(ahead);
  return {
    bytes: Math.max(to.bytes - from.bytes, 0),
    copiedBytes: Math.max(to.copiedBytes - from.copiedBytes, 0),
  };
}
