import fc from "fast-check";

/** A route of the app as it is registered. */
export interface Endpoint {
  readonly methods: readonly string[];
  /** Without a slash before it. */
  readonly template: string;
}

/** Whose token a call carries; `Admin` is the only one with whom a call may be right. */
export const CALLERS = ["Admin", "Operator", "Reader", "Agent", "Nobody"] as const;
export type CallerName = (typeof CALLERS)[number];

/** A request that is wrong in some ways, or in none. */
export interface SurfaceCall {
  readonly method: string;
  /** With the query, as it goes over the wire: nothing is made regular. */
  readonly target: string;
  readonly caller: CallerName;
  /** What is done to the token. */
  readonly spoil: (typeof SPOILS)[number];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const SPOILS = ["none", "missing", "scheme", "cut", "signature", "unsigned"] as const;

const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"];

/**
 * Calls of all routes: paths with tricks, versions that are none, tokens of all roles and of nobody, bodies of each kind with
 * one thing changed in them. Most are refused; some are right by chance, and some on purpose.
 * @param known values of route parameters, by name, that lead to something
 * @param bodies that some route takes
 */
export function surfaceCalls(
  endpoints: readonly Endpoint[],
  known: Readonly<Record<string, readonly string[]>>,
  bodies: readonly unknown[],
): fc.Arbitrary<SurfaceCall> {
  return fc.constantFrom(...endpoints).chain((endpoint) =>
    fc.record({
      method: weighted(fc.constantFrom(...endpoint.methods), 12, fc.constantFrom(...METHODS), 1),
      target: fc.tuple(pathOf(endpoint.template, known), query).map(([path, asked]) => `${path}${asked}`),
      caller: weighted(fc.constant<CallerName>("Admin"), 3, fc.constantFrom(...CALLERS), 2),
      spoil: weighted(fc.constant<SurfaceCall["spoil"]>("none"), 8, fc.constantFrom(...SPOILS), 1),
      headers,
      body: fc.option(bodyOf(bodies), { nil: undefined, freq: 6 }),
    }),
  );
}

const weighted = <T>(often: fc.Arbitrary<T>, n: number, seldom: fc.Arbitrary<T>, m: number) =>
  fc.oneof({ arbitrary: often, weight: n }, { arbitrary: seldom, weight: m });

const pathOf = (template: string, known: Readonly<Record<string, readonly string[]>>) =>
  fc
    .tuple(...template.split("/").map((part) => partOf(part, known)))
    .chain((parts) => tricked(`/${parts.join("/")}`));

function partOf(part: string, known: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<string> {
  const name = /^\{\*{0,2}(\w+)/.exec(part)?.[1];
  if (name === undefined) return fc.constant(part);
  return weighted(
    fc.constantFrom(...(known[name] ?? ["a"])),
    12,
    fc.oneof(fc.constantFrom(...TRICKS), anyName),
    1,
  );
}

/** Names that go wrong where a path is put together of them, or taken for one. */
const TRICKS = [
  "..",
  ".",
  "%2e%2e",
  "..%2f..%2fsecret",
  "%2F",
  "%5c..%5c",
  "%00",
  "a%00b",
  "%ff",
  "%c0%af",
  "%",
  "%zz",
  "a%0d%0aset-cookie:b",
  "%E2%80%AE",
  "a?b",
  "a%3Fb",
  "a%23b",
  "a'b",
  "a' or '1' eq '1",
  "$batch",
  "*",
  "constructor",
  "__proto__",
  "null",
  "undefined",
  "NaN",
  "-1",
  "9".repeat(40),
  "x".repeat(300),
  "x".repeat(9000),
  "00000000-0000-4000-8000-000000000000",
].map((text) => text.replaceAll(" ", "%20"));

const anyName = fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map(encodeURIComponent);

const tricked = (path: string): fc.Arbitrary<string> =>
  fc.oneof(
    { arbitrary: fc.constant(path), weight: 12 },
    { arbitrary: fc.constantFrom(path.toUpperCase(), path.toLowerCase(), `${path}/`, `/${path}`), weight: 1 },
    { arbitrary: fc.constantFrom(`${path}/%2e%2e`, `${path}/..`, path.replace("/", "//")), weight: 1 },
    { arbitrary: fc.nat(path.length).map((at) => path.slice(0, at) || "/"), weight: 1 },
    { arbitrary: anyName.map((name) => `${path}/${name}`), weight: 1 },
  );

const versions = ["2025-08-01", "2023-06-01", "2018-07-10", "2024-10-01"].map(
  (date) => `api-version=${date}`,
);
const WRONG = [
  "api-version=",
  "api-version=1",
  "api-version=2025-08-01&api-version=x",
  "Api-Version=2025-08-01",
  "%",
];
const ASKED = [
  "$skipToken=-1",
  "$skipToken=abc",
  "skipToken=%ff",
  "$filter=a eq 'b",
  "$filter=%00",
  "$top=0",
  "x=%zz",
];

const query = weighted(
  fc.constantFrom(...versions),
  10,
  fc.tuple(fc.constantFrom("", ...versions, ...WRONG), fc.constantFrom("", ...ASKED)).map((parts) =>
    parts
      .filter((part) => part !== "")
      .join("&")
      .replaceAll(" ", "%20"),
  ),
  2,
).map((text) => (text === "" ? "" : `?${text}`));

const headers = fc.oneof(
  { arbitrary: fc.constant({}), weight: 6 },
  {
    arbitrary: fc.constantFrom<Record<string, string>>(
      { "x-ms-client-request-id": "x".repeat(4000) },
      { "x-ms-client-request-id": "../../etc" },
      { "if-match": "*" },
      { "if-match": '"0"' },
      { "if-none-match": "*" },
      { "content-type": "text/xml" },
      { "content-encoding": "gzip" },
      { "x-http-method-override": "DELETE" },
      { host: "elsewhere.example" },
      { range: "bytes=0-1" },
    ),
    weight: 1,
  },
);

const bodyOf = (bodies: readonly unknown[]): fc.Arbitrary<string> =>
  fc.oneof(
    {
      arbitrary: fc
        .constantFrom(...bodies)
        .chain(changed)
        .map((body) => JSON.stringify(body)),
      weight: 12,
    },
    { arbitrary: fc.constantFrom(...bodies).map((body) => JSON.stringify(body).slice(0, -3)), weight: 1 },
    {
      arbitrary: fc.constantFrom("", "{", "null", "[]", "0", '""', "\u{feff}{}", "{}{}", '{"__proto__":{}}'),
      weight: 1,
    },
    { arbitrary: fc.json({ maxDepth: 4 }), weight: 1 },
    {
      arbitrary: fc.constantFrom(300_000, 2_000_000).map((size) => JSON.stringify({ pad: "x".repeat(size) })),
      weight: 1,
    },
    { arbitrary: fc.constant(`${'{"properties":'.repeat(5_000)}1${"}".repeat(5_000)}`), weight: 1 },
  );

/** The body with one of its values, somewhere, taken away or made something else. */
const changed = (body: unknown): fc.Arbitrary<unknown> => {
  const places = placesIn(body);
  if (places.length === 0) return fc.constant(body);
  return fc.tuple(fc.constantFrom(...places), anything).map(([place, value]) => replaced(body, place, value));
};

const GONE = Symbol("gone");
const anything = fc.oneof(
  fc.constant(GONE),
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1e308,
    "",
    "x".repeat(5000),
    [],
    {},
    "/subscriptions/../x",
    "\u0000",
    [[]],
    "2025-13-45",
  ),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.jsonValue({ maxDepth: 2 }),
);

type Place = readonly string[];

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const placesIn = (value: unknown): Place[] =>
  isTree(value)
    ? Object.entries(value).flatMap(([key, inner]) => [
        [key],
        ...placesIn(inner).map((rest) => [key, ...rest]),
      ])
    : [];

function replaced(value: unknown, [first, ...rest]: Place, by: unknown): unknown {
  if (first === undefined) return by;
  if (Array.isArray(value))
    return value.map((inner, at) => (String(at) === first ? plain(inner, rest, by) : inner));
  if (!isTree(value)) return value;
  const { [first]: inner, ...others } = value;
  const put = rest.length === 0 ? by : replaced(inner, rest, by);
  return put === GONE ? others : { ...others, [first]: put };
}

const plain = (inner: unknown, rest: Place, by: unknown): unknown => {
  const put = replaced(inner, rest, by);
  return put === GONE ? null : put;
};
