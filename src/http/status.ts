// Codes and statuses: one table, read forwards by the server and backwards by the client (RFC 9457).
import { type ErrorCode, XsError } from "../error.ts";

const STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  internal: 500,
  unavailable: 503,
  no_space: 507,
} as const satisfies Record<ErrorCode, number>;

/** The members of a problem document, beside which details of the error may stand. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
};

const TITLE: Readonly<Record<ErrorCode, string>> = {
  invalid: "The request is not valid",
  unauthorized: "A token is needed",
  forbidden: "Not allowed",
  not_found: "Not found",
  conflict: "In conflict with what is stored",
  too_large: "Too large",
  internal: "Internal error",
  unavailable: "Not available now",
  no_space: "No space left",
};

export const PROBLEM_TYPE = "application/problem+json";

/** The response that tells an error. `status` is given only where HTTP has a finer one than the code, such as 405. */
export function problemResponse(
  error: XsError,
  status: number = STATUS[error.code],
  headers: Record<string, string> = {},
): Response {
  const { code, message: detail, details } = error;
  const problem: Problem = { type: "about:blank", title: TITLE[code], status, detail, code };
  return new Response(`${JSON.stringify({ ...problem, ...details })}\n`, {
    status,
    headers: { "content-type": PROBLEM_TYPE, ...headers },
  });
}

/** The error that a response tells, from its problem document or, where a proxy answered instead, from its status. */
export async function errorOf(response: Response): Promise<XsError> {
  const text = await response.text();
  // The answer to a HEAD has the type of a problem but not its text.
  if (text !== "" && response.headers.get("content-type")?.startsWith(PROBLEM_TYPE)) {
    const {
      detail,
      code,
      type: _type,
      title: _title,
      status: _status,
      ...details
    } = JSON.parse(text) as Problem & Record<string, unknown>;
    return new XsError(code in STATUS ? code : codeOf(response.status), detail, details);
  }
  const line = text.split("\n", 1)[0]?.slice(0, 200);
  return new XsError(codeOf(response.status), `the server answered ${response.status}${line ? `: ${line}` : ""}`);
}

function codeOf(status: number): ErrorCode {
  const entry = Object.entries(STATUS).find(([, candidate]) => candidate === status);
  if (entry) return entry[0] as ErrorCode;
  if (status === 431) return "too_large";
  return status < 500 ? "invalid" : "unavailable";
}
