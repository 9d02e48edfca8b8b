import { describe, expect, test } from "vitest";
import { apiUrl, backendUrl, EnvironmentError } from "../src/lib/environment.ts";

function environment(values: Record<string, string | undefined>): NodeJS.ProcessEnv {
  return { NODE_ENV: "test", ...values };
}

describe("BACKEND_URL", () => {
  test("is the backend's address", () => {
    expect(backendUrl(environment({ BACKEND_URL: "http://backend:8001" })).host).toBe("backend:8001");
  });

  test.each([
    [undefined, /BACKEND_URL is not set/],
    ["", /BACKEND_URL is not set/],
    ["backend:8001", /BACKEND_URL is "backend:8001"/],
    ["ftp://backend", /must look like http/],
  ])("%s is told by name", (value, says) => {
    const read = () => backendUrl(environment({ BACKEND_URL: value }));
    expect(read).toThrow(EnvironmentError);
    expect(read).toThrow(says);
  });
});

describe("NEXT_PUBLIC_API_URL", () => {
  test.each([
    [undefined, ""],
    ["", ""],
    ["https://api.example.org", "https://api.example.org"],
    ["http://localhost:8001/", "http://localhost:8001"],
    ["https://example.org/todo/", "https://example.org/todo"],
  ])("%s puts %s before /api", (value, before) => {
    expect(apiUrl(environment({ NEXT_PUBLIC_API_URL: value }))).toBe(before);
  });

  test("is told by name where it is no address", () => {
    expect(() => apiUrl(environment({ NEXT_PUBLIC_API_URL: "api" }))).toThrow(/NEXT_PUBLIC_API_URL is "api"/);
  });
});
