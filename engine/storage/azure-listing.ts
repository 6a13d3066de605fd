import { type Patience, attempt } from "./attempt.ts";

/** A listing of the SDKs. */
interface Listing<Page> {
  byPage(settings: { maxPageSize: number; continuationToken?: string }): AsyncIterator<Page>;
}

/** Every page of a listing. A page that fails is asked for again from its token, without starting over. */
export async function* pagesOf<Page extends { continuationToken?: string }>(
  what: string,
  patience: Patience,
  maxPageSize: number,
  list: (signal: AbortSignal) => Listing<Page>,
): AsyncGenerator<Page> {
  let settings: { maxPageSize: number; continuationToken?: string } = { maxPageSize };
  for (;;) {
    const from = settings;
    const next = await attempt(what, patience, (signal) => list(signal).byPage(from).next());
    if (next.done) return;
    yield next.value;
    const { continuationToken } = next.value;
    if (!continuationToken) return;
    settings = { maxPageSize, continuationToken };
  }
}
