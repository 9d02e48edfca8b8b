"use client";

import Link from "next/link";
import { type FormEvent, useState } from "react";
import { sentence } from "../lib/api-error.ts";
import { Alert } from "./alert";
import { useApi } from "./api-provider";

/** Log in, or with `isNew` sign up; both lead to the todos. */
export function AccountForm({ isNew }: { isNew: boolean }) {
  const api = useApi();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const action = isNew ? "Sign up" : "Log in";

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    const given = new FormData(event.currentTarget);
    const email = String(given.get("email"));
    const password = String(given.get("password"));
    setBusy(true);
    setError(undefined);
    try {
      await (isNew ? api.signUp(email, password) : api.logIn(email, password));
      // A document of its own: the server must see the new cookie.
      window.location.replace("/");
    } catch (fault) {
      setError(sentence(fault));
      setBusy(false);
    }
  }

  return (
    <>
      <h1>{action}</h1>
      {error && <Alert message={error} />}
      {/* Before this script runs the form is the browser's own: what is typed stays, and POST keeps it out of the address. */}
      <form className="account" method="post" onSubmit={(event) => void submit(event)}>
        <div className="field">
          <label htmlFor="email">E-mail</label>
          <input id="email" name="email" type="email" autoComplete="username" maxLength={254} required />
        </div>
        <div className="field">
          <label htmlFor="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            autoComplete={isNew ? "new-password" : "current-password"}
            aria-describedby={isNew ? "password-hint" : undefined}
            minLength={isNew ? 8 : undefined}
            maxLength={128}
            required
          />
          {isNew && (
            <p id="password-hint" className="hint">
              8 characters or more.
            </p>
          )}
        </div>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "One moment…" : action}
        </button>
      </form>
      <p className="hint">
        {isNew ? "You have an account? " : "You are new here? "}
        <Link href={isNew ? "/login" : "/login?new=1"} prefetch={false}>
          {isNew ? "Log in" : "Sign up"}
        </Link>
      </p>
    </>
  );
}
