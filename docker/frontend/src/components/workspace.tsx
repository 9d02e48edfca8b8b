"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { User } from "../lib/api.ts";
import { useChat } from "../lib/use-chat.ts";
import { useTodos } from "../lib/use-todos.ts";
import { Brand } from "./brand";
import { ChatPane } from "./chat-pane";
import { Icon, type IconName } from "./icon";
import { LogOutButton } from "./log-out-button";
import { TodoBoard } from "./todo-board";

/** Todos and chat, side by side where there is room; else the address says which, and the other one is kept as it is. */
export function Workspace({ user }: { user: User }) {
  const todos = useTodos();
  const chat = useChat(() => void todos.reload());
  const shown = usePathname() === "/chat" ? "chat" : "todos";

  return (
    <div className="workspace" data-shown={shown}>
      <header className="masthead">
        <h1>
          <Brand />
        </h1>
        <span className="account-name">{user.email}</span>
        <LogOutButton />
      </header>
      <main className="panes">
        <TodoBoard {...todos} />
        <ChatPane {...chat} />
      </main>
      <nav className="tabs" aria-label="Panes">
        <Tab href="/" icon="list" name="Todos" current={shown === "todos"} />
        <Tab href="/chat" icon="chat" name="Chat" current={shown === "chat"} />
      </nav>
    </div>
  );
}

interface TabProps {
  href: string;
  icon: IconName;
  name: string;
  current: boolean;
}

/** Changes the address alone: both panes are here already, and the server has nothing to add. */
function Tab({ href, icon, name, current }: TabProps) {
  return (
    <Link
      href={href}
      prefetch={false}
      aria-current={current ? "page" : undefined}
      onNavigate={(event) => {
        event.preventDefault();
        window.history.pushState(null, "", href);
      }}
    >
      <Icon name={icon} />
      {name}
    </Link>
  );
}
