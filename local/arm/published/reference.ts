import path from "node:path";

/** Every description, by the path of its file. */
export type Files = ReadonlyMap<string, unknown>;

export type Node = Readonly<Record<string, unknown>>;

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface Target {
  readonly file: string;
  /** From the top of the file to it. */
  readonly names: readonly string[];
  readonly node: unknown;
}

/** What a `$ref` in the file points to, and in which file that is. */
export function resolved(files: Files, file: string, ref: string): Target {
  const [where = "", pointer = ""] = ref.split("#");
  const there = where === "" ? file : path.resolve(path.dirname(file), where);
  let node = files.get(there);
  const names = pointer
    .split("/")
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  for (const name of names)
    node = Array.isArray(node) ? node[Number(name)] : isNode(node) ? node[name] : undefined;
  return { file: there, names, node };
}
