/** Liveness of the frontend alone: it says nothing about the backend, whose outage must not restart this process. */
export const dynamic = "force-dynamic";

export function GET(): Response {
  return Response.json({ service: "frontend", status: "ok", timestamp: new Date().toISOString() });
}
