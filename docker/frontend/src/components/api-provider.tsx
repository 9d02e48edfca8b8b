"use client";

import { createContext, type ReactNode, useContext, useMemo } from "react";
import { type Api, createApi } from "../lib/api.ts";

const ApiContext = createContext<Api | undefined>(undefined);

/** Gives the components below it the API at `base`; where the session has ended the page goes to /login. */
export function ApiProvider({ base, children }: { base: string; children: ReactNode }) {
  const api = useMemo(() => createApi(base, () => window.location.replace("/login?session=ended")), [base]);
  return <ApiContext value={api}>{children}</ApiContext>;
}

export function useApi(): Api {
  const api = useContext(ApiContext);
  if (api === undefined) throw new Error("useApi needs an ApiProvider above it");
  return api;
}
