import { errors } from "jose";
import { ArmError } from "./arm-error.ts";
import type { Box } from "./box.ts";

/** Who calls, by object id: its token must be for ARM and of this tenant. @throws ArmError 401. */
export async function authorize(box: Box, header: string | undefined): Promise<string> {
  if (!header)
    throw refused(
      box,
      "AuthenticationFailed",
      "Authentication failed. The 'Authorization' header is missing.",
    );
  const token = /^Bearer (\S+)$/i.exec(header)?.[1];
  if (!token)
    throw refused(
      box,
      "AuthenticationFailedInvalidHeader",
      "Authentication failed. The 'Authorization' header is provided in an invalid format.",
    );
  const { aud, iss, oid } = await verified(box, token);
  const allowed = box.config.audiences.map(bare);
  if (typeof aud !== "string" || !allowed.includes(bare(aud)))
    throw refused(
      box,
      "InvalidAuthenticationTokenAudience",
      `The access token has been obtained for wrong audience or resource '${String(aud)}'. It should exactly match with one of the allowed audiences '${allowed.join("','")}'.`,
    );
  if (iss !== `https://sts.windows.net/${box.config.tenant}/`)
    throw refused(box, "InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer.");
  return String(oid);
}

async function verified(box: Box, token: string) {
  try {
    return await box.issuer.verify(token);
  } catch (error) {
    if (error instanceof errors.JWTExpired)
      throw refused(
        box,
        "ExpiredAuthenticationToken",
        "The access token expiry UTC time is earlier than current UTC time.",
      );
    throw refused(box, "InvalidAuthenticationToken", "The access token is invalid.");
  }
}

const bare = (audience: string) => audience.replace(/\/$/, "");

const refused = (box: Box, code: string, message: string) =>
  new ArmError(401, code, message, {
    "www-authenticate": `Bearer authorization_uri="${box.url}/${box.config.tenant}", error="invalid_token", error_description="${code}"`,
  });
