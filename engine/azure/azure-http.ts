import type { TokenCredential } from "@azure/identity";
import {
  type HttpClient,
  type HttpMethods,
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";
import { LeewardError } from "../core/errors.ts";
import { type Millis, millis } from "../core/units.ts";
import { type ArmReply, unreachable } from "./arm-failure.ts";

export interface AzureHttpSettings {
  readonly credential: TokenCredential;
  /** PEM of authorities to trust instead of the public ones. */
  readonly tls?: { readonly ca: string };
  readonly userAgent?: string;
  /** How long one call may take; 20 s by default. A dead region must not hold an activity for minutes. */
  readonly timeout?: Millis;
  /** What sends requests; Node's own https by default. */
  readonly transport?: HttpClient;
}

export interface AzureCall {
  readonly method: HttpMethods;
  readonly url: string;
  /** Stands for the URL in messages. */
  readonly path: string;
  readonly body?: unknown;
  readonly onlyIfAbsent?: boolean | undefined;
  readonly ifMatch?: string | undefined;
}

/**
 * Sends JSON with a token for the audience: one request per call, no retries, no redirects.
 * @throws ArmUnavailable when no answer or no token came; answers of any status are returned.
 */
export function azureHttp(
  settings: AzureHttpSettings,
  audience: string,
): (call: AzureCall) => Promise<ArmReply> {
  const http = settings.transport ?? createDefaultHttpClient();
  const pipeline = createPipelineFromOptions({
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: settings.userAgent ?? "leeward" },
    ...(settings.tls && { tlsOptions: settings.tls }),
  });
  const scopes = `${audience.replace(/\/$/, "")}/.default`;
  const policy = bearerTokenAuthenticationPolicy({ credential: settings.credential, scopes });
  pipeline.addPolicy(policy, { phase: "Sign" });
  const timeout = settings.timeout ?? millis(20_000);

  return async ({ method, url, path, body, onlyIfAbsent, ifMatch }) => {
    const headers = createHttpHeaders({ accept: "application/json" });
    if (onlyIfAbsent) headers.set("if-none-match", "*");
    if (ifMatch !== undefined) headers.set("if-match", ifMatch);
    const request = createPipelineRequest({ url, method, timeout, headers });
    if (body !== undefined) {
      headers.set("content-type", "application/json");
      request.body = JSON.stringify(body);
    }
    try {
      const response = await pipeline.sendRequest(http, request);
      const text = response.bodyAsText ?? "";
      return {
        status: response.status,
        body: text === "" ? undefined : jsonOf(text),
        header: (name) => response.headers.get(name),
      };
    } catch (error) {
      throw unreachable(`${method} ${path}`, error);
    }
  };
}

/** @throws InvalidSetting when it is not https: tokens never travel in the clear. */
export function httpsOrigin(url: string, what: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "https:")
    throw new LeewardError("InvalidSetting", `${what} is not an https URL: ${JSON.stringify(url)}`);
  return parsed.origin;
}

/** Not every error page on the way to Azure is JSON; the text itself is then the body. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
