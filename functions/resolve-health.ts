import { resolveHealthRequest } from "../engine/contract/resolve-health.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { errorIdOf, withDismissed } from "../engine/recovery/dismissed.ts";
import { healthOf } from "../engine/recovery/health.ts";
import { itemKeyOf } from "../engine/recovery/item.ts";
import { findItem } from "./find-item.ts";
import { wantedBy } from "./etag.ts";
import { bodyOf, durableRoute } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { knownOf } from "./known.ts";
import { PATHS, itemIn } from "./paths.ts";

const path = `${PATHS.item}/resolveHealthErrors`;

/**
 * Dismisses errors that tell of what has happened. What goes on cannot be dismissed, and what happens once more has another id:
 * nobody overlooks it. An id that is not shown any more is done with.
 */
durableRoute(
  "resolveHealthErrors",
  { method: "POST", path, role: "Operator", versioned: true },
  async (call) => {
    const { services, request } = call;
    const only = wantedBy(request);
    const { healthErrors } = (await bodyOf(request, resolveHealthRequest)).properties;
    const item = await findItem(services, itemIn(request));
    const known = await knownOf(services, item);
    const now = services.clock.now();
    const asked = new Set(healthErrors.map(({ healthErrorId }) => healthErrorId.toLowerCase()));
    const shown = healthOf(known, now).filter((error) => asked.has(errorIdOf(item, error)));
    const lasting = shown.find(({ past }) => !past);
    if (lasting)
      throw new LeewardError(
        "InvalidRequest",
        `properties.healthErrors: ${lasting.code} goes on, and cannot be dismissed (${lasting.message})`,
      );
    const ids = shown.map((error) => errorIdOf(item, error));
    const changed = await services.records.items.update(
      itemKeyOf(item.machine),
      (old) => withDismissed(old, ids, now),
      only,
    );
    return { jsonBody: await viewItem(call, changed) };
  },
);
