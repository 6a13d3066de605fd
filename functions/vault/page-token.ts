import type { Call } from "../http.ts";

/** ASR's clients write it in several ways. */
const isToken = (name: string) => name.replace("$", "").toLowerCase() === "skiptoken";

export const tokenIn = (query: URLSearchParams): string | undefined =>
  [...query].find(([name]) => isToken(name))?.[1];

/** @param token none of its own where it is empty */
export function withToken(query: URLSearchParams, token: string): URLSearchParams {
  const asked = new URLSearchParams([...query].filter(([name]) => !isToken(name)));
  if (token !== "") asked.set("$skipToken", token);
  return asked;
}

/** The same request, for what this token leads to. Absolute: clients may reach the app through a path of its own. */
export function linkTo({ request, services }: Pick<Call, "request" | "services">, token: string): string {
  const { pathname, searchParams } = new URL(request.url);
  return `${services.settings.publicUrl}${pathname}?${withToken(searchParams, token)}`;
}
