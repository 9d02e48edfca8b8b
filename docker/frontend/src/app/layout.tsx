import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { ApiProvider } from "../components/api-provider";
import { apiUrl } from "../lib/environment.ts";
import "./globals.css";

// Every page is made for its request: it carries that answer's nonce, and the API's address is known only at run time.
export const dynamic = "force-dynamic";

export const metadata: Metadata = {
  title: { default: "Todo", template: "%s · Todo" },
  description: "Write down what needs doing, or tell the assistant, and tick it off.",
};

export const viewport: Viewport = {
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f4f6f8" },
    { media: "(prefers-color-scheme: dark)", color: "#0e151c" },
  ],
};

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <ApiProvider base={apiUrl()}>{children}</ApiProvider>
      </body>
    </html>
  );
}
