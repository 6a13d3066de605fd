import type { Customers } from "../machine/customers.ts";
import { Scanner } from "../machine/scanner.ts";
import type { ItemView } from "./item-view.ts";
import type { StepReport } from "./report.ts";
import { type Scene, sourceLedger } from "./scene.ts";
import { waitFor } from "./wait.ts";

/** Bytes a second, and MiB in all: more than the spool of a demo with trouble holds. */
const RATE = 6 * 1024 * 1024;
const DOCUMENTS = 256;
const RUNG_LIMIT = 120_000;
const RETURN_LIMIT = 180_000;

/** Of an agent in the story: small, so that it is full within half a minute. */
export const TROUBLED_SPOOL_MEBIBYTES = 64;
/** Waits of seconds where the default has minutes. */
export const TROUBLED_LADDER = [1000, 2000, 4000];

interface Told {
  readonly detail: string;
  readonly parts: NonNullable<StepReport["parts"]>;
}

/**
 * The cache account is full, while documents are filed beside the orders, until the journal breaks; then it is well, until
 * the next generation has a point. @throws Error when a rung does not come within two minutes
 */
export async function troubleCache(
  scene: Scene,
  customers: Customers,
  onProgress: (what: string) => void,
): Promise<Told> {
  const { box } = scene;
  const { generation } = (await scene.item()).properties.leeward;
  const from = customers.log.acknowledged.length;
  const parts: { name: string; seconds: number }[] = [];
  const until = async (
    name: string,
    holds: (now: ItemView["properties"]["leeward"]) => boolean,
    limit: number,
  ) => {
    onProgress(name);
    const begun = performance.now();
    const look = async () => (holds((await scene.item()).properties.leeward) ? true : undefined);
    await waitFor(name, look, limit);
    parts.push({ name, seconds: (performance.now() - begun) / 1000 });
  };
  const documents = new Scanner({ url: await sourceLedger(box), seed: 1, mebibytes: DOCUMENTS, rate: RATE });
  await box.storage.cache.make("full");
  try {
    const rungs = ["slow", "merging", "broken"] as const;
    for (const [n, rung] of rungs.entries())
      await until(
        WORDS[rung],
        ({ agent }) => rungs.slice(n).some((one) => one === agent?.pressure?.rung),
        RUNG_LIMIT,
      );
  } finally {
    await documents.stop();
    await box.storage.cache.make("none");
  }
  const back = ({ resync, generation: now }: ItemView["properties"]["leeward"]) =>
    now > generation && resync?.state === "ended";
  await until("well again, compared, first point", back, RETURN_LIMIT);
  const waits = customers.log.acknowledged
    .slice(from)
    .map((one) => (one.acknowledgedAt - one.requestedAt) / 1000);
  const longest = Math.max(...waits);
  return {
    detail: `the cache was full until the journal broke; ${waits.length} orders meanwhile, none waited over ${Math.ceil(longest)} ms`,
    parts,
  };
}

const WORDS = { slow: "larger segments", merging: "writes merged", broken: "journal broken" } as const;
