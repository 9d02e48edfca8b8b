import type { Metadata } from "next";
import Link from "next/link";
import { Brand } from "../components/brand";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <main className="card narrow">
      <Brand />
      <h1>There is no such page</h1>
      <div className="choices">
        <Link className="primary" href="/" prefetch={false}>
          Open your todos
        </Link>
      </div>
    </main>
  );
}
