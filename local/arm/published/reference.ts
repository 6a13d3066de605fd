import path from "node:path";

/** Every description, by the path of its file. */
export type Files = ReadonlyMap<string, unknown>;

export type Node = Readonly<Record<string, unknown>>;

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What a `$ref` in the file points to, and in which file that is. */
export function resolved(files: Files, file: string, ref: string): { file: string; node: unknown } {
  const [where = "", pointer = ""] = ref.split("#");
  const there = where === "" ? file : path.resolve(path.dirname(file), where);
  let node = files.get(there);
  for (const part of pointer.split("/").slice(1)) {
    const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    node = Array.isArray(node) ? node[Number(name)] : isNode(node) ? node[name] : undefined;
  }
  return { file: there, node };
}
