import { BLOCK } from "../../engine/core/units.ts";
import { AgentMachine } from "../fixtures/agent-machine.ts";
import {
  type ProviderUnderTest,
  captureProvider,
  everyWriteIsAState,
  growingDisks,
} from "./capture-provider.ts";

const nbd: ProviderUnderTest = {
  name: "nbd",
  sizes: [5 * BLOCK + 1024, 3 * BLOCK],
  runs: 8,
  async open(disks) {
    const machine = new AgentMachine(disks);
    return {
      journal: machine,
      write: async (disk, offset, data) => machine.write(disk, offset, data),
      zero: (disk, offset, length) => machine.zero(disk, offset, length),
      point: () => machine.point(),
      kill: (steps) => machine.kill(steps),
      lose: () => machine.lose(),
      grow: (disk, by) => machine.grow(disk, by),
      close: () => machine.close(),
    };
  },
};

captureProvider(nbd);
growingDisks(nbd);
everyWriteIsAState(nbd);
