"use client";

import { type ReactNode, useCallback, useEffect, useState } from "react";
import type { User } from "../lib/api.ts";
import { sentence } from "../lib/api-error.ts";
import { Alert } from "./alert";
import { useApi } from "./api-provider";
import { Brand } from "./brand";
import { Loading } from "./loading";
import { Workspace } from "./workspace";

/** Where the server could not say who asks, the browser finds out. `welcome` is for those who are not logged in. */
export function SessionGate({ welcome }: { welcome: ReactNode }) {
  const api = useApi();
  const [user, setUser] = useState<User | "nobody">();
  const [error, setError] = useState<string>();

  const find = useCallback(async () => {
    setError(undefined);
    try {
      setUser((await api.me()) ?? "nobody");
    } catch (fault) {
      setError(sentence(fault));
    }
  }, [api]);

  useEffect(() => {
    void find();
  }, [find]);

  if (user === "nobody") return welcome;
  if (user) return <Workspace user={user} />;
  return (
    <main className="narrow">
      <h1>
        <Brand />
      </h1>
      {error ? (
        <Alert message={error} action={{ name: "Try again", run: () => void find() }} />
      ) : (
        <Loading what="page" />
      )}
    </main>
  );
}
