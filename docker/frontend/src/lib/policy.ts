/**
 * The Content-Security-Policy of a page.
 *
 * @param nonce what the scripts that Next.js writes into this one answer carry; what they load is trusted with them.
 * @param api address that the browser calls besides the page's own; empty: none.
 * @param development whether React's development build runs, which evaluates text and writes styles into the page.
 */
export function contentSecurityPolicy(nonce: string, api: string, development: boolean): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ""}`,
    `style-src 'self'${development ? " 'unsafe-inline'" : ""}`,
    `connect-src 'self'${api ? ` ${new URL(api).origin}` : ""}`,
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}
