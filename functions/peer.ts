import type { TokenCredential } from "@azure/identity";
import type { z } from "zod";
import { armError } from "../engine/contract/arm-error.ts";
import { LeewardError, isErrorCode, messageOf } from "../engine/core/errors.ts";
import type { Services } from "./services.ts";

/** The app of the other region. */
export interface Peer {
  /**
   * Posts to one of its routes for this app, as this app.
   * @param path below `/api/leeward/peer/`
   * @returns the body of its answer, checked
   * @throws PeerUnreachable, PeerRefused; any other code is its own refusal
   */
  call<Answer extends z.ZodType>(path: string, body: unknown, answer: Answer): Promise<z.output<Answer>>;
}

/** @throws StateNotAllowed when this app knows of none */
export function peerOf({ peer }: Pick<Services, "peer">): Peer {
  if (peer) return peer;
  throw new LeewardError(
    "StateNotAllowed",
    "this app knows of no app in the other region, which is to take the machine over: set LEEWARD_PEER_URL to its address",
  );
}

/** The other side reads the machine, and what it is to be built like, from Azure before it answers. */
const PATIENCE_MS = 100_000;

/** @param audience of both apps' tokens */
export function peerAt(url: string, audience: string, credential: TokenCredential): Peer {
  return {
    async call(path, body, answer) {
      const target = `${url}/api/leeward/peer/${path}`;
      const response = await posted(target, body, await tokenFor(credential, audience));
      const said = await bodyOf(response, target);
      if (!response.ok) throw refusal(response.status, said, url);
      const found = answer.safeParse(said);
      if (found.success) return found.data;
      throw new LeewardError(
        "PeerRefused",
        `${url} answered ${path} with something else: is it as new as this app?`,
      );
    },
  };
}

async function tokenFor(credential: TokenCredential, audience: string): Promise<string> {
  try {
    const found = await credential.getToken(`${audience}/.default`);
    if (found) return found.token;
  } catch (error) {
    throw unreachable(`no token for ${audience}: ${messageOf(error)}`, error);
  }
  throw unreachable(`no token for ${audience}`);
}

async function posted(target: string, body: unknown, token: string): Promise<Response> {
  try {
    return await fetch(target, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw unreachable(`${target}: ${messageOf(error)}`, error);
  }
}

async function bodyOf(response: Response, target: string): Promise<unknown> {
  try {
    const text = await response.text();
    return text === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw unreachable(`${target} answered ${response.status} with no JSON`, error);
  }
}

/** That this app may not ask is no refusal of what it asked for. */
function refusal(status: number, said: unknown, url: string): LeewardError {
  const found = armError.safeParse(said);
  if (!found.success) return unreachable(`${url} answered ${status}`);
  const { code, message } = found.data.error;
  if (status === 401 || status === 403) return new LeewardError("PeerRefused", `${url}: ${code}: ${message}`);
  return isErrorCode(code) ? new LeewardError(code, message) : unreachable(`${url}: ${code}: ${message}`);
}

const unreachable = (message: string, cause?: unknown) => new LeewardError("PeerUnreachable", message, cause);
