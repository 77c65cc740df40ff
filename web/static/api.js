// The REST half of the protocol. Every refusal becomes a Problem with the
// stable code of RFC 9457 answers, so callers never look at statuses.

export class Problem extends Error {
  constructor(code, detail, extra = {}) {
    super(detail || code);
    this.code = code;
    this.detail = detail || "";
    this.errors = extra.errors || [];
    this.retryAfter = extra.retryAfter || 0; // milliseconds
    this.status = extra.status || 0;
  }

  /** field gives the server's words about one input, or "". */
  field(name) {
    return this.errors.find((e) => e.field === name)?.detail || "";
  }
}

const byStatus = {
  400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict",
  413: "too_large", 415: "unsupported", 422: "invalid", 429: "rate_limited", 503: "unavailable",
};

async function problemOf(res) {
  let body = {};
  try {
    body = await res.json();
  } catch {
    // Not from the server itself, but from something in front of it.
  }
  const code = body.code || String(body.type || "").split("/").pop() || byStatus[res.status] || "internal";
  const after = Number(res.headers.get("Retry-After")) * 1000 || body.retry_after_ms || 0;
  return new Problem(code === "about:blank" ? byStatus[res.status] || "internal" : code,
    body.detail || body.title, { errors: body.errors, retryAfter: after, status: res.status });
}

let onSignedOut = () => {};

/** whenSignedOut sets what happens when a call finds that the session has ended. */
export function whenSignedOut(fn) {
  onSignedOut = fn;
}

async function call(method, path, body, { quiet = false, timeout = 20_000, key = "" } = {}) {
  let res;
  try {
    res = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { Accept: "application/json", ...(body !== undefined && { "Content-Type": "application/json" }), ...(key && { "Idempotency-Key": key }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
  } catch (err) {
    throw new Problem("unreachable", String(err?.message || err));
  }
  if (!res.ok) {
    const problem = await problemOf(res);
    if (problem.code === "unauthenticated" && !quiet) onSignedOut();
    throw problem;
  }
  if (res.status === 204) return null;
  const text = await res.text();
  return text ? JSON.parse(text) : null;
}

const room = (id) => `/v1/rooms/${encodeURIComponent(id)}`;
const order = (id) => `/v1/orders/${encodeURIComponent(id)}`;
const query = (params) => {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== null && v !== "") q.set(k, v);
  const text = q.toString();
  return text ? `?${text}` : "";
};

/** everyPage follows the keyset of a list to its end, at most `most` items. */
async function everyPage(path, params, most) {
  const items = [];
  for (let next = undefined; items.length < most;) {
    const page = await call("GET", path + query({ ...params, cursor: next }));
    items.push(...(page.items || []));
    if (!page.next || page.next === next) break;
    next = page.next;
  }
  return items;
}

export const api = {
  me: () => call("GET", "/v1/me", undefined, { quiet: true }),
  signUp: (form) => call("POST", "/v1/users", form, { quiet: true }),
  signIn: (form) => call("POST", "/v1/sessions", form, { quiet: true }),
  guest: (form) => call("POST", "/v1/guests", form, { quiet: true }),
  changeMe: (form) => call("PATCH", "/v1/me", form),
  changePassword: (form) => call("PUT", "/v1/me/password", form),
  sessions: () => call("GET", "/v1/sessions"),
  endSession: (id) => call("DELETE", `/v1/sessions/${encodeURIComponent(id)}`),
  signOut: () => call("DELETE", "/v1/sessions/current", undefined, { quiet: true }),

  myRooms: () => everyPage("/v1/rooms", { scope: "mine" }, 500),
  publicRooms: () => everyPage("/v1/rooms", { scope: "public" }, 400),
  room: (id) => call("GET", room(id)),
  createRoom: (form) => call("POST", "/v1/rooms", form),
  changeRoom: (id, form) => call("PATCH", room(id), form),
  members: (id) => everyPage(`${room(id)}/members`, {}, 1000),
  setMember: (id, user, form) => call("PUT", `${room(id)}/members/${encodeURIComponent(user)}`, form || {}),
  dropMember: (id, user) => call("DELETE", `${room(id)}/members/${encodeURIComponent(user)}`),

  /** messages gives one page; `where` has at most one of before, after, around. */
  messages: (id, where) => call("GET", `${room(id)}/messages${query(where)}`),
  /** events gives the log after a seq, to fill a hole. */
  events: (id, after) => call("GET", `${room(id)}/events${query({ after, limit: 200 })}`),

  /** orders gives one page, newest first: `where` has limit, cursor, number, status. */
  orders: (where) => call("GET", `/v1/orders${query(where)}`),
  order: (id) => call("GET", order(id)),
  lookupOrders: (ids) => call("POST", "/v1/orders:lookup", { ids }),
  orderEvents: (id, after) => call("GET", `${order(id)}/events${query({ after, limit: 200 })}`),
  /** key makes a call that can be sent again: the same key, the same one change. */
  cancelOrder: (id, key) => call("POST", `${order(id)}/cancel`, {}, { key }),
  moveOrder: (id, key, form) => call("POST", `${order(id)}/transitions`, form, { key }),
  openOrderRoom: (id) => call("PUT", `${order(id)}/room`),
};
