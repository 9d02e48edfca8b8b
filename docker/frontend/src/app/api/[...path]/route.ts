/** Every /api path that has no route of its own goes to the backend, whose address is known only at run time. */
import { backendUrl } from "../../../lib/environment.ts";
import { forward } from "../../../lib/forward.ts";

export const dynamic = "force-dynamic";

function handle(request: Request): Promise<Response> {
  return forward(request, backendUrl());
}

export {
  handle as DELETE,
  handle as GET,
  handle as HEAD,
  handle as OPTIONS,
  handle as PATCH,
  handle as POST,
  handle as PUT,
};
