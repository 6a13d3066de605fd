import { CommandFreezer } from "../../../agent/freeze/freezer.ts";
import { messageOf } from "../../../engine/core/errors.ts";
import { freezeCommands } from "../../../engine/core/freeze.ts";

/** An agent that does nothing but freeze: spool directory and commands as arguments. Says each step to its parent. */
const [spool = "", commands = "{}"] = process.argv.slice(2);
const parsed = freezeCommands.parse(JSON.parse(commands));
const freezer = new CommandFreezer(spool, () => parsed);

process.on("message", (what: string) => void act(what));
process.send?.("ready");

let thaw: () => Promise<void> = async () => undefined;

async function act(what: string): Promise<void> {
  try {
    if (what === "recover") await freezer.recover();
    else if (what === "thaw") await thaw();
    else {
      const frozen = await freezer.freeze();
      thaw = () => frozen.thaw();
    }
    process.send?.(`${what}: done`);
  } catch (error) {
    process.send?.(`${what}: ${messageOf(error)}`);
  }
}
