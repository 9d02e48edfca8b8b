import { log } from "./environment.ts";

/**
 * Milliseconds until the backend must have begun to answer: more than its own limits, so that its reason is told. Its chat may take
 * MODEL_TIMEOUT_SECONDS, which is 60 at most, and 4 s more.
 */
export function limitMs(path: string): number {
  return path === "/api/chat" ? 65_000 : 14_000;
}

/** Headers that belong to one connection (RFC 9110, 7.6.1), or that fetch sets itself. */
const NOT_FORWARDED = [
  "connection",
  "content-encoding",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Send a request on to the backend and return its answer as it comes.
 *
 * Cookies, Authorization and X-Forwarded-... pass as they are; where no proxy before this one set the latter, Next.js has.
 * A backend that cannot be reached is 502, one that does not answer in time 504, both as the backend's own JSON errors.
 * A client that goes away ends the backend's request too.
 */
export async function forward(request: Request, backend: URL, timeoutMs?: number): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  // Set part by part: resolved against the backend, a path like //host/ would lead to another host.
  const target = new URL(backend);
  target.pathname = pathname;
  target.search = search;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs ?? limitMs(pathname));
  try {
    const answer = await send(request, target, AbortSignal.any([request.signal, late.signal]));
    return new Response(answer.body, { status: answer.status, headers: answerHeaders(answer.headers) });
  } catch (error) {
    if (request.signal.aborted) return new Response(null, { status: 499 }); // nobody reads it
    return refusal(error, late.signal.aborted, request.method, pathname);
  } finally {
    // The limit is on the first byte: an answer that has begun may take its time.
    clearTimeout(timer);
  }
}

async function send(request: Request, target: URL, signal: AbortSignal): Promise<Response> {
  const options: RequestInit & { duplex: "half" } = {
    method: request.method,
    headers: forwardable(request.headers),
    body: request.body,
    cache: "no-store",
    redirect: "manual",
    signal,
    duplex: "half",
  };
  try {
    return await fetch(target, options);
  } catch (error) {
    // A pooled connection may have died with its pod. Without a body, and safe to repeat: once more, on another connection.
    const repeatable = request.method === "GET" || request.method === "HEAD";
    if (!repeatable || signal.aborted) throw error;
    return await fetch(target, options);
  }
}

function forwardable(headers: Headers): Headers {
  const copy = new Headers(headers);
  for (const name of NOT_FORWARDED) copy.delete(name);
  return copy;
}

function answerHeaders(headers: Headers): Headers {
  const copy = forwardable(headers);
  if (copy.get("content-type")?.startsWith("text/event-stream")) {
    // Next.js's compression and nginx would hold events back until a buffer is full; these are their signs not to.
    copy.set("cache-control", "no-cache, no-transform");
    copy.set("x-accel-buffering", "no");
  }
  return copy;
}

function refusal(error: unknown, late: boolean, method: string, path: string): Response {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  log("error", late ? "the backend did not answer in time" : "the backend cannot be reached", { method, path, cause });
  const body = late
    ? { code: "backend_timeout", message: "The server took too long to answer." }
    : { code: "backend_unreachable", message: "The server cannot be reached right now." };
  return Response.json({ error: body }, { status: late ? 504 : 502 });
}
