import Link from "next/link";
import { Brand } from "./brand";

/** What a visitor sees who is not logged in. */
export function Welcome({ title, text }: { title: string; text: string }) {
  return (
    <main className="card narrow welcome">
      <Brand />
      <h1>{title}</h1>
      <p>{text}</p>
      <div className="choices">
        <Link className="primary" href="/login?new=1" prefetch={false}>
          Sign up
        </Link>
        <Link className="quiet" href="/login" prefetch={false}>
          Log in
        </Link>
      </div>
    </main>
  );
}
