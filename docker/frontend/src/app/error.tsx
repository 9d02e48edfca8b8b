"use client";

import { Alert } from "../components/alert";
import { Brand } from "../components/brand";

/** In place of a page whose code failed. */
export default function ErrorPage({ reset }: { reset: () => void }) {
  return (
    <main className="narrow">
      <h1>
        <Brand />
      </h1>
      <Alert message="This page has failed." action={{ name: "Try again", run: reset }} />
    </main>
  );
}
