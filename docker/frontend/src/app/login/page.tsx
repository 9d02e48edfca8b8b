import type { Metadata } from "next";
import Link from "next/link";
import { AccountForm } from "../../components/account-form";
import { Brand } from "../../components/brand";
import { LogOutButton } from "../../components/log-out-button";
import { currentSession } from "../../lib/session.ts";

interface Props {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export async function generateMetadata({ searchParams }: Props): Promise<Metadata> {
  return { title: "new" in (await searchParams) ? "Sign up" : "Log in" };
}

export default async function LoginPage({ searchParams }: Props) {
  const asked = await searchParams;
  const session = await currentSession();
  return (
    <main className="card narrow">
      <Brand />
      {session.state === "open" ? <LoggedIn email={session.user.email} /> : <LoggedOut asked={asked} />}
    </main>
  );
}

function LoggedIn({ email }: { email: string }) {
  return (
    <>
      <h1>You are logged in</h1>
      <p className="account-name">{email}</p>
      <div className="choices">
        <Link className="primary" href="/" prefetch={false}>
          Open your todos
        </Link>
        <LogOutButton />
      </div>
    </>
  );
}

function LoggedOut({ asked }: { asked: Awaited<Props["searchParams"]> }) {
  return (
    <>
      {asked.session === "ended" && <Notice text="Your session has ended. Please log in again." />}
      {asked.session === "closed" && <Notice text="You have logged out." />}
      <AccountForm isNew={"new" in asked} />
    </>
  );
}

function Notice({ text }: { text: string }) {
  return (
    <p className="notice" role="status">
      {text}
    </p>
  );
}
