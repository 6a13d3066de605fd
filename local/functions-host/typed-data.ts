/** One value on its way between host and worker, in the shapes of the Functions worker protocol that this host uses. */
export interface TypedData {
  string?: string | null;
  /** JSON text. */
  json?: string | null;
  bytes?: Uint8Array | null;
  http?: HttpData | null;
  int?: number | null;
  double?: number | null;
}

type Nullable = Record<string, { value: string }>;

interface HttpData {
  method?: string;
  /** Absolute. */
  url?: string;
  nullableHeaders?: Nullable;
  nullableQuery?: Nullable;
  nullableParams?: Nullable;
  body?: TypedData | null;
  // of a response:
  statusCode?: string | null;
  headers?: Record<string, string> | null;
  cookies?: HttpCookie[] | null;
}

export interface HttpCookie {
  name?: string | null;
  value?: string | null;
  domain?: { value?: string | null } | null;
  path?: { value?: string | null } | null;
  expires?: { value?: { seconds?: number | null } | null } | null;
  secure?: { value?: boolean | null } | null;
  httpOnly?: { value?: boolean | null } | null;
  sameSite?: string | number | null;
  maxAge?: { value?: number | null } | null;
}

/** The JSON text of what a function returned, or null when it returned nothing. */
export function jsonOf(data: TypedData | null | undefined): string | null {
  if (!data) return null;
  if (typeof data.json === "string") return data.json;
  const value = data.string ?? data.int ?? data.double ?? bytesOf(data);
  return value === undefined ? null : JSON.stringify(value);
}

/** Raw bytes of a body, whichever form it has. */
export function bodyBytes(data: TypedData | null | undefined): Uint8Array | undefined {
  if (typeof data?.bytes === "object" && data.bytes !== null) return data.bytes;
  const text = data?.string ?? data?.json;
  return typeof text === "string" ? Buffer.from(text) : undefined;
}

/** As the real host: a Buffer becomes its JSON form, which is why functions should not return one. */
function bytesOf(data: TypedData): unknown {
  return data.bytes ? Buffer.from(data.bytes) : undefined;
}
