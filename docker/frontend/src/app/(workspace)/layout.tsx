import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { SessionGate } from "../../components/session-gate";
import { Workspace } from "../../components/workspace";
import { currentSession } from "../../lib/session.ts";

/** The workspace, which lives on while the address changes between its pages; those are what other visitors see. */
export default async function WorkspaceLayout({ children }: { children: ReactNode }) {
  const session = await currentSession();
  switch (session.state) {
    case "open":
      return <Workspace user={session.user} />;
    case "none":
      return children;
    case "ended":
      return redirect("/login?session=ended");
    case "unknown":
      return <SessionGate welcome={children} />;
  }
}
