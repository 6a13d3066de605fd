const API_VERSION = "2025-08-01";
const TIMEOUT_MILLIS = 10_000;
/** A first look at a region reads some MiB of what Azure offers there. */
const LOOK_MILLIS = 60_000;
const TOKEN = "leeward-token";

/** What an answer that is no success says: `code`, `message`, `remedy`; `status` 0 when there was no answer. */
export class ApiError extends Error {
  constructor(status, { code, message, remedy }) {
    super(message);
    this.status = status;
    this.code = code;
    this.remedy = remedy;
  }
}

/** The token may come in the fragment, which no server sees; it is taken out of the address at once. */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  keepToken(token);
  history.replaceState(null, "", location.pathname + location.search);
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;
export const keepToken = (token) => sessionStorage.setItem(TOKEN, token.trim());
export const forgetToken = () => sessionStorage.removeItem(TOKEN);

/** `config.json` of the app: where its vault is. */
export const readConfig = () => read("/portal/config.json", {});

export function vaultPath({ subscriptionId, resourceGroup, vault }) {
  const group = `/subscriptions/${part(subscriptionId)}/resourceGroups/${part(resourceGroup)}`;
  return `${group}/providers/Microsoft.RecoveryServices/vaults/${part(vault)}`;
}

export function itemPath(config, name) {
  const container = `/replicationFabrics/${part(config.fabric)}/replicationProtectionContainers/${part(config.container)}`;
  return `${vaultPath(config)}${container}/replicationProtectedItems/${part(name)}`;
}

/** Every entry of a list, over all its pages. */
export async function list(path) {
  const found = [];
  let next = versioned(path);
  while (next) {
    const { value, nextLink } = await read(next, authorized());
    found.push(...value);
    // Only the path: a page must not lead the token to another host.
    next = nextLink ? new URL(nextLink).pathname + new URL(nextLink).search : undefined;
  }
  return found;
}

/** Whether a virtual machine can be protected, and what its copy will lack. */
export const readEligibility = (machine) => {
  const path = `${machine}/providers/Microsoft.RecoveryServices/replicationEligibilityResults/default`;
  return read(versioned(path), { ...authorized(), timeout: LOOK_MILLIS });
};

/** What the end of a protection would delete, and leave. */
export const readRemoval = async (item) =>
  (await read(versioned(`${item}/leewardRemoval`), { ...authorized(), timeout: LOOK_MILLIS })).properties;

/** Answer with the name of the job that they began, if they began one. */
export const put = (path, body) => send("PUT", path, body);
export const post = (path, body) => send("POST", path, body);
export const remove = (path) => send("DELETE", path);
/** A question that is asked by POST: it changes nothing, and may take as long as a look at a region. */
export const look = async (path, body) => (await answered("POST", path, body, LOOK_MILLIS)).value;

/** The first page of a list. */
export const first = async (path) => (await read(versioned(path), authorized())).value;

export const groupPath = (config, name) => `${vaultPath(config)}/leewardGroups/${part(name)}`;

const send = async (method, path, body) => (await answered(method, path, body)).operation;

const answered = (method, path, body, timeout) =>
  call(versioned(path), {
    method,
    timeout,
    ...(body && { body: JSON.stringify(body) }),
    headers: {
      ...authorized().headers,
      ...(body && { "content-type": "application/json" }),
      "x-ms-client-request-id": crypto.randomUUID(),
    },
  });

const read = async (path, options) => (await call(path, options)).value;

const authorized = () => ({ headers: { authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}` } });
const versioned = (path) => `${path}?api-version=${API_VERSION}`;
const part = (name) => encodeURIComponent(name);

async function call(path, options) {
  const response = await answer(path, options);
  const text = await response.text();
  if (response.ok)
    return {
      value: text === "" ? undefined : parse(text, response.status),
      operation: operationOf(response),
    };
  const { error } = parseOr(text, {});
  throw new ApiError(response.status, {
    code: error?.code ?? `HTTP ${response.status}`,
    message: error?.message ?? `The control plane answered ${response.status} ${response.statusText}.`,
    remedy: error?.remedy,
  });
}

/** The operation's id is the job's name. */
const operationOf = ({ headers }) =>
  /\/replicationOperationStatus\/([^/?]+)/i.exec(headers.get("azure-asyncoperation") ?? "")?.[1];

async function answer(path, { timeout = TIMEOUT_MILLIS, ...options }) {
  try {
    return await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new ApiError(0, {
      code: late ? "NoAnswerInTime" : "Unreachable",
      message: late
        ? `The control plane did not answer within ${timeout / 1000} seconds.`
        : "The control plane cannot be reached.",
      remedy: "Check that the app runs. This page keeps trying.",
    });
  }
}

function parse(text, status) {
  const value = parseOr(text, undefined);
  if (value !== undefined) return value;
  throw new ApiError(status, {
    code: "NotJson",
    message: "The answer is not JSON: is this the right address?",
  });
}

function parseOr(text, fallback) {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}
