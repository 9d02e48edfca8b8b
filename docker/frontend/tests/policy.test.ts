import { expect, test } from "vitest";
import { contentSecurityPolicy } from "../src/lib/policy.ts";

function directives(policy: string): Record<string, string> {
  return Object.fromEntries(policy.split("; ").map((each) => each.split(/ (.*)/, 2)));
}

test("scripts run by their nonce alone, and calls go to the page's own address", () => {
  const policy = directives(contentSecurityPolicy("abc", "", false));
  expect(policy["script-src"]).toBe("'self' 'nonce-abc' 'strict-dynamic'");
  expect(policy["connect-src"]).toBe("'self'");
  expect(policy["frame-ancestors"]).toBe("'none'");
});

test("an API at another address may be called: its origin, without the path", () => {
  const policy = directives(contentSecurityPolicy("abc", "https://example.org:8443/todo", false));
  expect(policy["connect-src"]).toBe("'self' https://example.org:8443");
});

test("only development evaluates text", () => {
  expect(contentSecurityPolicy("abc", "", false)).not.toContain("unsafe");
  expect(contentSecurityPolicy("abc", "", true)).toContain("'unsafe-eval'");
});
