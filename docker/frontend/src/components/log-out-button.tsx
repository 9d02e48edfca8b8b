"use client";

import { useState } from "react";
import { sentence } from "../lib/api-error.ts";
import { useRunning } from "../lib/use-running.ts";
import { Alert } from "./alert";
import { useApi } from "./api-provider";

/** Ends the session. Only the server can: the cookie is out of the page's reach. */
export function LogOutButton() {
  const api = useApi();
  const running = useRunning();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  async function logOut() {
    setBusy(true);
    setError(undefined);
    try {
      await api.logOut();
      // A document of its own: nothing of the user stays in the page's memory.
      window.location.replace("/login?session=closed");
    } catch (fault) {
      setError(`You are still logged in. ${sentence(fault)}`);
      setBusy(false);
    }
  }

  return (
    <>
      <button type="button" className="quiet" disabled={busy || !running} onClick={() => void logOut()}>
        Log out
      </button>
      {error && <Alert message={error} />}
    </>
  );
}
