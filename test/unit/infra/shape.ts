/** What a value may be, of whichever published schema it was read. */
export type Shape =
  | {
      readonly kind: "object";
      readonly properties: () => ReadonlyMap<string, Field>;
      readonly others?: () => Shape;
    }
  | { readonly kind: "array"; readonly items: () => Shape }
  | { readonly kind: "string"; readonly values?: ReadonlySet<string> }
  | { readonly kind: "integer" | "boolean" | "any" };

export interface Field {
  readonly shape: () => Shape;
  readonly required: boolean;
  readonly readOnly: boolean;
}

/** The body of a resource, for one that is written; `name` tells apart what has another body for each name. */
export type ShapeSource = (type: string, version: string, name: string | undefined) => Shape | undefined;

export const ANY: Shape = { kind: "any" };
