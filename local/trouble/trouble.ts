import { setTimeout as sleep } from "node:timers/promises";
import type { Meddle, Meddling } from "./meddling.ts";

/** What may be the matter with a storage account, as somebody at the box asks for it. */
export const TROUBLES = ["none", "slow", "throttled", "full", "refused", "silent", "gone"] as const;
export type Trouble = (typeof TROUBLES)[number];

/** What a client of the account meets. */
export const TROUBLE_WORDS: Readonly<Record<Trouble, string>> = {
  none: "well again",
  slow: "takes and gives 512 KiB/s, and lets each request wait 0.3 s",
  throttled: "answers 503 ServerBusy with Retry-After: 5",
  full: "answers 507 InsufficientStorage to whatever would add to it",
  refused: "answers 403 AuthorizationPermissionMismatch, as when a role was taken away",
  silent: "takes connections and answers nothing",
  gone: "is not there: connections are refused",
};

export const isTrouble = (word: string): word is Trouble => TROUBLES.some((one) => one === word);

/** Azure's own sentences, where it documents them. */
const SAID: Readonly<Record<string, string>> = {
  ServerBusy: "The server is currently unable to receive requests. Please retry your request.",
  InsufficientStorage: "The account has no room for it.",
  AuthorizationPermissionMismatch:
    "This request is not authorized to perform this operation using this permission.",
};

const SLOW = { rate: 512 * 1024, delay: 300 };

/**
 * What happens to the requests of the account's blob service; undefined for what has nothing to do with requests. The
 * table service has its own limits and roles, so only what silences a whole account happens to it as well.
 */
export function meddleFor(trouble: Trouble): Meddle | undefined {
  switch (trouble) {
    case "none":
    case "gone":
      return undefined;
    case "slow":
      return always({ delay: SLOW.delay, pace: paceOf(SLOW.rate) });
    case "throttled":
      return always(refusal(503, "ServerBusy", { "retry-after": "5" }));
    case "full":
      return (method, url) => (adds(method, url) ? refusal(507, "InsufficientStorage") : {});
    case "refused":
      return always(refusal(403, "AuthorizationPermissionMismatch"));
    case "silent":
      return always({ hang: true });
  }
}

/** An answer as Azure Storage gives it. */
export const refusal = (
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Meddling => ({
  answer: {
    status,
    headers: { "x-ms-error-code": code, "content-type": "application/xml", ...headers },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${SAID[code] ?? code}</Message></Error>`,
  },
});

const always =
  (plan: Meddling): Meddle =>
  () =>
    plan;

/** Leases, properties and the like take no space. */
const adds = (method: string, url: string): boolean =>
  method === "PUT" && !/[?&]comp=(lease|metadata|properties|tags|tier)\b/.test(url);

/** Bodies go one after the other at so many bytes a second, whoever sends them. */
function paceOf(rate: number): NonNullable<Meddling["pace"]> {
  let free = 0;
  return async (size, signal) => {
    const now = performance.now();
    free = Math.max(free, now) + (1000 * size) / rate;
    await sleep(free - now, undefined, { signal }).catch(() => undefined);
  };
}
