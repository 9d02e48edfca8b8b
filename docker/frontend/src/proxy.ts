/** Gives each page its Content-Security-Policy: it holds a nonce, new for every answer, and an address known only at run time. */
import { type NextRequest, NextResponse } from "next/server";
import { apiUrl } from "./lib/environment.ts";
import { contentSecurityPolicy } from "./lib/policy.ts";

const HEADER = "Content-Security-Policy";

export function proxy(request: NextRequest): NextResponse {
  const nonce = crypto.randomUUID();
  const policy = contentSecurityPolicy(nonce, apiUrl(), process.env.NODE_ENV === "development");
  // Next.js takes the nonce for its own scripts from the request.
  const headers = new Headers(request.headers);
  headers.set(HEADER, policy);
  const answer = NextResponse.next({ request: { headers } });
  answer.headers.set(HEADER, policy);
  return answer;
}

export const config = { matcher: "/((?!api/|_next/static/|icon.svg|robots.txt).*)" };
