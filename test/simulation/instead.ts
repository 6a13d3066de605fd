/** The object with some of its methods replaced. */
export const instead = <Whole extends object>(whole: Whole, methods: Partial<Whole>): Whole =>
  new Proxy(whole, {
    get(inner, property) {
      const own: unknown = Reflect.get(methods, property);
      const method: unknown = own ?? Reflect.get(inner, property);
      if (typeof method !== "function") return method;
      return (...args: unknown[]): unknown => Reflect.apply(method, inner, args);
    },
  });
