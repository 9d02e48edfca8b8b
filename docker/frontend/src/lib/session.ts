/** Who asks, found out while the page is made: a browser would write the 401 of a visitor who is not logged in into its console. */
import { cookies, headers } from "next/headers";
import type { User } from "./api.ts";
import { apiUrl, backendUrl, log } from "./environment.ts";

/** HttpOnly, set by the backend: no script of the page can read it. */
const COOKIE = "todo_session";

/** Milliseconds that a page waits for the backend; then it is made without, and the browser asks itself. */
const TIMEOUT_MS = 3_000;

export type Session =
  | { state: "open"; user: User }
  /** No cookie. */
  | { state: "none" }
  /** A cookie that the backend accepts no longer. */
  | { state: "ended" }
  /** The backend did not say, or the cookie belongs to another address. */
  | { state: "unknown" };

/** The session of the request that is being answered. */
export async function currentSession(): Promise<Session> {
  // Browsers that call another address keep its cookie for that one.
  if (apiUrl()) return { state: "unknown" };
  const token = (await cookies()).get(COOKIE)?.value;
  return findSession(token, await headers(), backendUrl());
}

/**
 * Ask the backend whose session a token is.
 *
 * @param asked headers of the page's request: what they say of the client goes on to the backend, which counts by client.
 */
export async function findSession(token: string | undefined, asked: Headers, backend: URL): Promise<Session> {
  if (!token) return { state: "none" };
  const told = new Headers({ Cookie: `${COOKIE}=${token}` });
  for (const name of ["x-forwarded-for", "x-forwarded-proto", "x-request-id"]) {
    const value = asked.get(name);
    if (value) told.set(name, value);
  }
  try {
    const answer = await fetch(new URL("/api/auth/me", backend), {
      headers: told,
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.ok) return { state: "open", user: await answer.json() };
    await answer.body?.cancel();
    return { state: answer.status === 401 ? "ended" : "unknown" };
  } catch (error) {
    log("warning", "the backend did not say whose session it is", { cause: String(error) });
    return { state: "unknown" };
  }
}
