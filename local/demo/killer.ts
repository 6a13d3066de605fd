import { seededRandom } from "../machine/seeded-random.ts";

export type Phase = "enable" | "replicate" | "failover" | "home";

/** About how long each phase takes: a kill is drawn in this span after the phase began. */
const SPAN_MILLIS: Record<Phase, number> = {
  enable: 12_000,
  replicate: 12_000,
  failover: 8_000,
  home: 20_000,
};
const PHASES = Object.keys(SPAN_MILLIS).filter((name): name is Phase => name in SPAN_MILLIS);

/**
 * Kills the Functions host a set number of times at moments drawn from the seed. A kill whose moment lies behind the end
 * of its phase happens at that end, so that the number is always reached.
 */
export class HostKiller {
  readonly #kill: () => Promise<void>;
  readonly #plan: { phase: Phase; after: number }[];
  #done = 0;

  constructor(times: number, seed: number, kill: () => Promise<void>) {
    const random = seededRandom(seed ^ 0x5eed);
    this.#kill = kill;
    this.#plan = Array.from({ length: times }, () => {
      const phase = PHASES[Math.floor(random() * PHASES.length)] ?? "failover";
      return { phase, after: random() * SPAN_MILLIS[phase] };
    });
  }

  get done(): number {
    return this.#done;
  }

  /** Runs the phase with its kills beside it; rejects with the first failure of either. */
  async during<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const over = new AbortController();
    const kills = this.#kills(phase, over.signal);
    // A failing kill must not hide behind work that would wait for a host for ever.
    const failed = kills.then(() => new Promise<never>(() => undefined));
    try {
      return await Promise.race([work(), failed]);
    } finally {
      over.abort();
      await kills;
    }
  }

  async #kills(phase: Phase, over: AbortSignal): Promise<void> {
    const begun = performance.now();
    const mine = this.#plan.filter((kill) => kill.phase === phase).toSorted((a, b) => a.after - b.after);
    for (const { after } of mine) {
      await waitUntil(begun + after, over);
      await this.#kill();
      this.#done += 1;
    }
  }
}

function waitUntil(moment: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (over.aborted) return resolve();
    const timer = setTimeout(resolve, Math.max(0, moment - performance.now()));
    over.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
