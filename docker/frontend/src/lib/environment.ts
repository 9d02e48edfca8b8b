/** What this server reads from its environment. PORT and HOSTNAME are read by Next.js itself. */

export class EnvironmentError extends Error {}

/**
 * The backend's address, such as http://backend:8001.
 *
 * @throws EnvironmentError naming the variable where it is missing or no URL.
 */
export function backendUrl(environment: NodeJS.ProcessEnv = process.env): URL {
  const text = environment.BACKEND_URL;
  if (!text) {
    throw new EnvironmentError(
      "the environment variable BACKEND_URL is not set; set it to http://HOST:PORT of the backend",
    );
  }
  return webAddress("BACKEND_URL", text);
}

/**
 * What browsers put before /api/...: nothing, or another address such as https://api.example.org.
 *
 * Next.js freezes what it finds written as process.env.NEXT_PUBLIC_... when it builds; a property of `environment` it leaves alone.
 *
 * @throws EnvironmentError naming the variable where it is no URL.
 */
export function apiUrl(environment: NodeJS.ProcessEnv = process.env): string {
  const text = environment.NEXT_PUBLIC_API_URL;
  return text ? webAddress("NEXT_PUBLIC_API_URL", text).href.replace(/\/+$/, "") : "";
}

function webAddress(variable: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new EnvironmentError(`${variable} is "${text}", but must look like http://HOST:PORT`);
  }
  return url;
}

/** End the process with one sentence rather than start a server that can only fail. */
export function stopUnlessUsable(): void {
  try {
    backendUrl();
    apiUrl();
  } catch (error) {
    log("error", `cannot start: ${error instanceof Error ? error.message : error}`);
    process.exit(2);
  }
}

/** Write one JSON line, in the same form as the backend's. */
export function log(level: "info" | "warning" | "error", message: string, fields: Record<string, unknown> = {}): void {
  const line = {
    timestamp: new Date().toISOString(),
    level: level.toUpperCase(),
    logger: "frontend",
    message,
    ...fields,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
