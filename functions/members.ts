import { inParallel } from "../engine/core/in-order.ts";

const AT_ONCE = 32;

/** Does something for each member of a group, many at once: a group of a thousand is asked within seconds. */
export const eachMember = <Member, Result>(
  members: Iterable<Member>,
  act: (member: Member) => Promise<Result>,
): Promise<Result[]> => inParallel(members, AT_ONCE, act);
