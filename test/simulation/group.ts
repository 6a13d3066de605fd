import { type ArmId, type BarrierId, type GroupId, type MachineId, armId } from "../../engine/core/ids.ts";
import { type Micros, type Millis, millis } from "../../engine/core/units.ts";
import {
  type GroupRecord,
  type GroupRound,
  groupIdFor,
  groupSettings,
  newGroup,
} from "../../engine/recovery/group.ts";
import { groupFailoverName, groupPointsPrefix, groupPrefix } from "../../engine/journal/names.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { readAsked, readFailoverMembers } from "../../engine/recovery/member-list.ts";
import { membersOf } from "../../functions/membership.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import type { RetentionPolicy } from "../../engine/recovery/retention-policy.ts";
import type { Causality } from "./causality.ts";
import type { Moment } from "./deletions.ts";
import { GroupAuditor } from "./group-auditor.ts";
import type { Machine } from "./machine.ts";
import { type Effect, type Stores, nameOf } from "./stores.ts";
import type { Tally } from "./tally.ts";
import { Violation } from "./truth.ts";
import type { Storm } from "./weather.ts";

/** Some leave no time for a slow network, or for a timer that is late. */
export const HOLDS: readonly Millis[] = [100, 400, 1000, 2500].map(millis);

/** Before a barrier's instant, and behind it when it is held for so long. */
const AROUND = 200_000;

/** Who was asked, beside when. */
export interface AskedRound extends Omit<GroupRound, "members"> {
  readonly members: readonly MachineId[];
}

/** The group that the machines join and leave, as it stands in the storage, and what was asked in its name. */
export class Group {
  readonly id: ArmId;
  readonly key: GroupId;
  record: GroupRecord;
  /** Ascending. */
  members: readonly MachineId[] = [];
  /** Whom its newest failover is of. */
  failedOver: readonly ArmId[] = [];
  /** Barriers that every member was asked for. */
  readonly asked = new Set<BarrierId>();
  readonly auditor: GroupAuditor;
  readonly #stores: Stores;
  readonly #tally: Tally;
  /** As each was first written down. */
  readonly #rounds = new Map<BarrierId, AskedRound>();
  /** Lists as they were put, by name: the account may go back in time before a record names them. */
  readonly #askedLists = new Map<string, readonly MachineId[]>();
  readonly #failoverLists = new Map<string, readonly ArmId[]>();

  constructor(s: {
    vault: ArmId;
    hold: Millis;
    retention: RetentionPolicy | undefined;
    stores: Stores;
    storm: Storm;
    causality: Causality;
    machines: readonly Machine[];
    tally: Tally;
  }) {
    this.id = armId(`${s.vault}/leewardGroups/together`);
    this.key = groupIdFor(this.id);
    const settings = groupSettings.parse({ hold: s.hold, ...(s.retention && { retention: s.retention }) });
    this.record = newGroup(this.id, settings);
    this.#stores = s.stores;
    this.#tally = s.tally;
    this.auditor = new GroupAuditor({ ...s, group: this.key, roundOf: (id) => this.#rounds.get(id) });
  }

  has(machine: MachineId): boolean {
    return this.members.includes(machine);
  }

  /** Members set a barrier about now. */
  isNear(now: Micros): boolean {
    const { round } = this.record;
    if (!round) return false;
    return now > round.at - AROUND && now < round.at + Math.min(round.hold * 1000, 2 * AROUND);
  }

  /** @throws Violation */
  async after(effect: Effect, at: Moment): Promise<void> {
    const name = nameOf(effect);
    const { settings } = this.record;
    if (effect.store === "target" && effect.method === "delete")
      await this.auditor.deleted([effect.args[0]].flat().map(String), settings.retention, at);
    if (effect.store === "records" && name === `group/${this.key}`) await this.#changed();
    if (effect.store === "records" && name.startsWith(`member-${this.key}/`)) await this.#cameOrWent();
    if (effect.store === "target" && effect.method === "put" && name.startsWith(groupPrefix(this.key)))
      await this.#put(name);
  }

  async #put(name: string): Promise<void> {
    const { target } = this.#stores;
    if (name.startsWith(groupPointsPrefix(this.key))) await this.auditor.pointed(name);
    else if (name.includes("/twins/")) return;
    else if (name.includes("/rounds/")) this.#askedLists.set(name, await readAsked(target, name));
    else
      this.#failoverLists.set(
        name,
        (await readFailoverMembers(target, name)).map(({ item }) => item),
      );
  }

  async #changed(): Promise<void> {
    const before = this.record;
    this.record = (await recordsIn(this.#stores.records).groups.get(this.key))?.value ?? before;
    const { round, missed, failover } = this.record;
    if (failover && failover.operation !== before.failover?.operation) {
      this.failedOver = listed(this.#failoverLists, groupFailoverName(this.key, failover.operation));
    }
    if (missed && missed.id !== before.missed?.id)
      this.#tally.note(`group: barrier missed: ${kindOf(missed.why)}`);
    if (!round || this.#rounds.has(round.id)) return;
    const members = listed(this.#askedLists, round.list);
    this.#rounds.set(round.id, { ...round, members });
    this.#tally.note("group: barrier asked");
    for (const machine of members)
      if ((await recordsIn(this.#stores.records).items.get(itemKeyOf(machine)))?.value.group !== this.key)
        throw new Violation(`group: barrier ${round.id} is asked of ${machine}, which has left`);
  }

  async #cameOrWent(): Promise<void> {
    const before = this.members.length;
    this.members = (await membersOf({ records: recordsIn(this.#stores.records) }, this.key)).map(
      ({ machine }) => machine,
    );
    if (this.members.length !== before)
      this.#tally.note(this.members.length > before ? "group: joined" : "group: left");
  }
}

/** @throws Violation when the list was named before it was put */
function listed<Member>(lists: ReadonlyMap<string, readonly Member[]>, name: string): readonly Member[] {
  const found = lists.get(name);
  if (!found) throw new Violation(`group: ${name} is named, and was never put`);
  return found;
}

/** Without machines and figures. */
const kindOf = (why: string): string => why.replace(/^machine-\w+: /, "").replace(/[\d.]+ ms/g, "some ms");
