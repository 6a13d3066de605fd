/** Whether a lock or an assignment at `scope` holds for `id`. */
export const covers = (scope: string, id: string): boolean =>
  scope === "/" || `${id.toLowerCase()}/`.startsWith(`${scope.toLowerCase()}/`);
