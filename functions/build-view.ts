import type { TargetBuild } from "../engine/contract/target-build.ts";
import type { TargetBuild as Built } from "../engine/recovery/target-build.ts";

export const buildView = ({ fit, notes, nics, boot }: Built): TargetBuild => ({
  size: fit?.size ?? null,
  alternatives: fit?.alternatives ?? [],
  notes: notes ?? [],
  nics: (nics ?? []).map(({ name, id, addresses }) => ({
    name,
    id,
    addresses: addresses.map((one) => ({
      name: one.name,
      wanted: one.wanted ?? null,
      given: one.given ?? null,
      why: one.why ?? null,
    })),
  })),
  boot: boot
    ? {
        power: boot.power,
        agent: boot.agent ?? null,
        console: boot.console ?? [],
        consoleMissing: boot.consoleMissing ?? null,
      }
    : null,
});
