/** A sentence for the user; `code` is the server's own word for it, empty where no server answered. */
export class ApiError extends Error {
  readonly code: string;

  constructor(message: string, code = "") {
    super(message);
    this.code = code;
  }
}

/** What went wrong, as a sentence. */
export function sentence(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
