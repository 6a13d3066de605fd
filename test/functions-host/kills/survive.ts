import { expect } from "vitest";
import { messageOf } from "../../../engine/core/errors.ts";
import { behaviours } from "../behaviours/all.ts";
import { Scene, seenBy } from "../scene.ts";
import { decidedTwice, repeatsIn } from "./decisions.ts";
import type { Deployment } from "./deployment.ts";
import { MortalHost } from "./mortal-host.ts";
import { randomOf } from "./random.ts";

export interface Ordeal {
  readonly seed: number;
  readonly kills: number;
  /** An empty folder. */
  readonly data: string;
  readonly deployment: Deployment;
  /** A module that spoils the host. */
  readonly preload?: string;
  /** What is done to the state between two lives. */
  readonly wound?: (data: string) => void;
}

export interface Survival {
  /** How many lives ended with SIGKILL while behaviours were under way. */
  kills: number;
  /** How many of them had not served yet. */
  unborn: number;
  /** How many behaviours were run to their end. */
  scenes: number;
  /** How many activities and operations ran more than once. */
  repeats: number;
  /** What did not hold, in sentences. The ordeal ends with the first. */
  readonly violations: string[];
}

/** How many behaviours are under way at once. */
const AT_ONCE = 14;
/** How long a life that serves may last, in milliseconds. */
const LONGEST = 200;

/**
 * Runs all behaviours, over and over, against a host that is killed at random instants, some of them before it serves. Ends
 * when it was killed so often and each behaviour has run at least once, or at the first that does not hold.
 */
export async function survive(ordeal: Ordeal): Promise<Survival> {
  const random = randomOf(ordeal.seed);
  const survival: Survival = { kills: 0, unborn: 0, scenes: 0, repeats: 0, violations: [] };
  const host = new MortalHost(ordeal.data, ordeal.deployment, ordeal.preload);
  const fate = { over: false };
  await host.live();
  const order = behaviours.toSorted(() => random() - 0.5);
  const scenes: Scene[] = [];
  const work = async () => {
    while (survival.violations.length === 0 && !(fate.over && scenes.length >= order.length)) {
      const behaviour = order[scenes.length % order.length];
      const scene = new Scene(host, `b${scenes.length}`);
      scenes.push(scene);
      if (behaviour) await runOne(behaviour, scene, survival);
      if (survival.violations.length > 0) host.giveUp();
    }
  };
  const all = Promise.all(Array.from({ length: AT_ONCE }, work));
  await killAgainAndAgain(host, ordeal, random, survival);
  fate.over = true;
  await all;
  if (survival.violations.length === 0) survival.violations.push(...decidedTwice(host.notes()));
  if (survival.violations.length === 0) survival.violations.push(...(await lost(scenes)));
  await host.stop();
  survival.repeats = repeatsIn(host.notes());
  return survival;
}

/** What was acknowledged by some life and is not there in the last. */
async function lost(scenes: readonly Scene[]): Promise<string[]> {
  const checks = await Promise.allSettled(scenes.map((scene) => scene.stillThere()));
  return checks.flatMap((check) => (check.status === "rejected" ? [messageOf(check.reason)] : []));
}

type Behaviours = typeof behaviours;

async function runOne(behaviour: Behaviours[number], scene: Scene, survival: Survival): Promise<void> {
  try {
    expect(await seenBy(behaviour, scene)).toEqual(behaviour.sees);
    survival.scenes++;
  } catch (error) {
    if (survival.violations.length > 0) return;
    survival.violations.push(`${behaviour.says} (${scene.id}): ${messageOf(error)}`);
  }
}

async function killAgainAndAgain(
  host: MortalHost,
  { kills, wound, data }: Ordeal,
  random: () => number,
  survival: Survival,
): Promise<void> {
  while (survival.kills < kills && survival.violations.length === 0) {
    await passes(random() * LONGEST);
    await host.kill();
    survival.kills++;
    for (;;) {
      wound?.(data);
      const life = host.live();
      if (survival.kills >= kills || random() > 0.15) {
        await life;
        break;
      }
      await passes(random() * host.birth);
      await host.kill();
      survival.kills++;
      if (await life) break;
      survival.unborn++;
    }
    survival.violations.push(...decidedTwice(host.notes()));
  }
}

const passes = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
