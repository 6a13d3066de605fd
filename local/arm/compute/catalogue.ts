import type { Call, Reply } from "../call.ts";

/** A handful of real sizes: cores, memory in GiB, most data disks. */
const SIZES: Readonly<Record<string, readonly [number, number, number]>> = {
  Standard_B2s: [2, 4, 4],
  Standard_D2s_v5: [2, 8, 4],
  Standard_D4s_v5: [4, 16, 8],
  Standard_E4s_v5: [4, 32, 8],
};
const CORES = 100;

/** `GET …/providers/Microsoft.Compute/skus?$filter=location eq 'region'`. */
export function skus({ box, query }: Call): Reply {
  const wanted = /location eq '([^']+)'/i.exec(query.get("$filter") ?? "")?.[1]?.toLowerCase();
  const regions = box.config.regions.map(({ name }) => name).filter((name) => !wanted || name === wanted);
  const value = regions.flatMap((region) =>
    Object.entries(SIZES).map(([name, [cores, memory, disks]]) => ({
      resourceType: "virtualMachines",
      name,
      tier: "Standard",
      size: name.replace("Standard_", ""),
      locations: [region],
      locationInfo: [{ location: region, zones: ["1", "2", "3"] }],
      capabilities: [
        { name: "vCPUs", value: String(cores) },
        { name: "MemoryGB", value: String(memory) },
        { name: "MaxDataDiskCount", value: String(disks) },
        { name: "PremiumIO", value: "True" },
        { name: "HyperVGenerations", value: "V1,V2" },
        { name: "CpuArchitectureType", value: "x64" },
      ],
      restrictions: [],
    })),
  );
  return { status: 200, body: { value } };
}

/** `GET …/providers/Microsoft.Compute/locations/region/usages`. */
export function usages({ box, path }: Call): Reply {
  const machines = box.state.virtualMachines
    .all()
    .filter(({ location }) => location === path.name.toLowerCase());
  const cores = machines
    .map(({ properties }) => SIZES[properties.hardwareProfile.vmSize]?.[0] ?? 0)
    .reduce((sum, next) => sum + next, 0);
  const usage = (value: string, localizedValue: string, currentValue: number) => ({
    unit: "Count",
    currentValue,
    limit: CORES,
    name: { value, localizedValue },
  });
  const value = [
    usage("cores", "Total Regional vCPUs", cores),
    usage("virtualMachines", "Virtual Machines", machines.length),
  ];
  return { status: 200, body: { value } };
}
