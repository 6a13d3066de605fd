import { ACCOUNTS, type Account, type Box } from "./box/box.ts";
import { TROUBLES, TROUBLE_WORDS, isTrouble } from "./trouble/trouble.ts";

/** What a person may have the box do, besides what a command needs of the person's terminal. */
export interface Hands {
  readonly box: Box;
  /** How everything is. */
  readonly status: () => Promise<string>;
  /** Has so many MiB of documents filed on the ledger, as fast as it takes them; says when that is done. */
  readonly file: (mebibytes: number) => void;
}

export const COMMANDS_HELP = `  status                    how protection, journal and customers are
  trouble ACCOUNT KIND      gets a region's storage into trouble; ACCOUNT is one of ${ACCOUNTS.join(", ")}; KIND:
${TROUBLES.map((kind) => `      ${kind.padEnd(22)}${TROUBLE_WORDS[kind]}`).join("\n")}
  documents MIB             has so much filed on the ledger, beside the orders (64 when not said)
  lose                      the source region is gone: storage, machine and agent, without a warning
  return                    it is back, and what ran there runs again`;

const MOST_FILED = 512;

/** Does what the line says, and says what was done. @throws Error with a sentence for who typed it */
export async function obey(line: string, { box, status, file }: Hands): Promise<string> {
  const [verb = "", ...words] = line.trim().split(/\s+/);
  switch (verb) {
    case "status":
      return status();
    case "trouble":
      return trouble(box, words);
    case "documents": {
      const wanted = Number(words[0] ?? "64");
      if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_FILED)
        throw new Error(`documents: a number of MiB from 1 to ${MOST_FILED}, not ${words[0]}`);
      file(wanted);
      return `${wanted} MiB of documents are being filed`;
    }
    case "lose":
      await box.loseSource();
      return "the source region is lost: its storage, machine and agent were killed";
    case "return":
      await box.restoreSource();
      return "the source region is back: its storage, and what ran there; after a failover the ledger of what was lost closes within a minute";
    default:
      throw new Error(`the box takes these:\n${COMMANDS_HELP}`);
  }
}

async function trouble(box: Box, [account, kind = "none"]: readonly string[]): Promise<string> {
  if (account === undefined) return ACCOUNTS.map((one) => nowOf(box, one)).join("\n");
  if (!isAccount(account)) throw new Error(`trouble: one of ${ACCOUNTS.join(", ")}, not ${account}`);
  if (!isTrouble(kind)) throw new Error(`trouble ${account}: one of ${TROUBLES.join(", ")}, not ${kind}`);
  await box.storage[account].make(kind);
  return nowOf(box, account);
}

const isAccount = (word: string): word is Account => ACCOUNTS.some((one) => one === word);
const nowOf = (box: Box, account: Account) =>
  `the ${account} account ${TROUBLE_WORDS[box.storage[account].trouble]}`;
