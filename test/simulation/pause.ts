import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

/** More calls than anything here takes. */
const ENDLESS = 20_000;

/** Lets so many seconds of virtual time pass, with all that becomes due in them. */
export async function pause(world: World, seconds: number, until = () => false): Promise<void> {
  const end = world.now + seconds * 1e6;
  for (let calls = 0; !until(); calls++) {
    if (calls > ENDLESS) throw new Violation("something never ends");
    if (!(await world.grant())) {
      const { next } = world.scheduler;
      if (next === undefined || next > end) break;
      world.pass(Math.max(next - world.now, 0));
    }
    await world.settle();
  }
  await world.settle();
  if (!until()) world.pass(Math.max(end - world.now, 0));
}
