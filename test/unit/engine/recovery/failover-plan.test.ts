import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { generation, sequence } from "../../../../engine/core/units.ts";
import { type FailoverFacts, planFailover, roadTo } from "../../../../engine/recovery/failover-plan.ts";
import { disk } from "./fixture.ts";

const at = (of: number, n: number) => ({ generation: generation(of), sequence: sequence(n) });

const facts = (changes: Partial<FailoverFacts> = {}): FailoverFacts => ({
  replica: "warm",
  disks: [disk(0), disk(1)],
  nics: 1,
  point: at(1, 70),
  reserved: at(1, 50),
  checkpointed: false,
  ...changes,
});

const verbs = (f: FailoverFacts) => planFailover(f).map((step) => step.do);

test("a point ahead of the replica is reached by one more checkpoint and imported", () => {
  expect(verbs(facts())).toEqual([
    "fit",
    "checkpoint",
    "import",
    "import",
    "nic",
    "vm",
    "boot",
    "discard",
    "discard",
  ]);
});

test("a point that is a checkpoint is imported as it is", () => {
  expect(verbs(facts({ checkpointed: true, reserved: at(1, 90) }))).toEqual([
    "fit",
    "import",
    "import",
    "nic",
    "vm",
    "boot",
    "discard",
    "discard",
  ]);
});

test("without a replica every disk is rebuilt from the journal", () => {
  expect(verbs(facts({ replica: "none", nics: 2 }))).toEqual([
    "fit",
    "upload",
    "upload",
    "nic",
    "nic",
    "restore",
    "vm",
    "boot",
  ]);
});

test.each([
  ["has passed it", at(1, 71), "upload"],
  ["holds exactly its writes", at(1, 70), "import"],
  ["is of a newer generation", at(2, 10), "upload"],
  ["holds nothing yet", undefined, "import"],
])("the road to a point that is no checkpoint, when the replica %s", (_, reserved, road) => {
  expect(roadTo(facts({ reserved }))).toBe(road);
});

test("a point of a newer generation than the replica rebuilds the replica", () => {
  expect(roadTo(facts({ reserved: at(1, 900), point: at(2, 70) }))).toBe("import");
});

test("every disk and every NIC appears once, and the VM comes after all of them", () => {
  const plan = planFailover(facts({ nics: 3 }));
  const vm = plan.findIndex((step) => step.do === "vm");
  const before = plan.slice(0, vm);
  expect(before.filter((step) => step.do === "nic")).toEqual([0, 1, 2].map((nic) => ({ do: "nic", nic })));
  expect(before.filter((step) => step.do === "import")).toEqual(
    [0, 1].map((n) => ({ do: "import", disk: n, orUpload: true })),
  );
});

test("a failover that is tried again clears the way first, and the disks of its other points last", () => {
  const first = barrierId("00000000-0000-4000-8000-0000000000aa");
  const plan = planFailover(facts({ again: true, tried: [first] }));
  expect(plan.slice(0, 4)).toEqual([
    { do: "fit" },
    { do: "clear" },
    { do: "reset", disk: 0, road: "import" },
    { do: "reset", disk: 1, road: "import" },
  ]);
  expect(plan.slice(-2)).toEqual([
    { do: "drop", disk: 0, point: first },
    { do: "drop", disk: 1, point: first },
  ]);
  expect(verbs(facts({ again: true }))).not.toContain("drop");
});
