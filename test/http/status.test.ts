import { expect, test } from "bun:test";
import { type ErrorCode, XsError } from "../../src/error.ts";
import { errorOf, problemResponse } from "../../src/http/status.ts";

const STATUS: Record<ErrorCode, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  internal: 500,
  unavailable: 503,
  no_space: 507,
};

test.each(Object.entries(STATUS) as [ErrorCode, number][])(
  "%s is told as %d and comes back as itself",
  async (code, status) => {
    const response = problemResponse(new XsError(code, "what happened", { imported: 3 }));
    expect(response.status).toBe(status);
    const error = await errorOf(response);
    expect([error.code, error.message, error.details]).toEqual([code, "what happened", { imported: 3 }]);
  },
);

test.each([
  [404, "not_found"],
  [401, "unauthorized"],
  [418, "invalid"],
  [431, "too_large"],
  [502, "unavailable"],
  [500, "internal"],
] as const)("a bare %d from something in between is %s", async (status, code) => {
  const error = await errorOf(new Response("<html>\nmore", { status }));
  expect([error.code, error.message]).toEqual([code, `the server answered ${status}: <html>`]);
});

test("a problem with a code that this version does not know goes by its status", async () => {
  const body = JSON.stringify({ code: "new", detail: "d", status: 409, title: "t", type: "about:blank" });
  const error = await errorOf(
    new Response(body, { status: 409, headers: { "content-type": "application/problem+json" } }),
  );
  expect([error.code, error.message]).toEqual(["conflict", "d"]);
});
