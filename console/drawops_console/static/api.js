// The labeling API (drawops.contracts.labeling), as promises.
import { ROOT, token } from "./session.js";

/** The API said no: `code` is one of ApiProblem's, `status` the HTTP status. */
export class Problem extends Error {
    constructor(status, body) {
        super(body.message || `HTTP ${status}`);
        this.status = status;
        this.code = body.code || "UNKNOWN";
        this.revision = body.revision ?? null;
        this.savedBy = body.saved_by ?? null;
    }
}

/** No answer, or one that says "try again": network, time-out, throttling, a fault of the server. */
export class Unreachable extends Error {}

const MAX_BODY_BYTES = 5 * 2 ** 20;

async function request(method, path, body) {
    const headers = { Authorization: `Bearer ${token() ?? ""}` };
    let payload;
    if (body !== undefined) {
        headers["Content-Type"] = "application/json";
        payload = JSON.stringify(body);
        if (payload.length > MAX_BODY_BYTES / 3 && new TextEncoder().encode(payload).length > MAX_BODY_BYTES) {
            throw new Problem(413, { code: "TOO_LARGE", message: "" });
        }
    }
    let response;
    let text;
    try {
        const signal = AbortSignal.timeout(30_000);
        response = await fetch(new URL(path, ROOT), { method, headers, body: payload, signal, cache: "no-store" });
        text = await response.text();
    } catch (error) {
        throw new Unreachable(String(error));
    }
    if (response.status >= 500 || response.status === 429) throw new Unreachable(`HTTP ${response.status}`);
    let answer;
    try {
        answer = JSON.parse(text);
    } catch {
        throw new Unreachable(`HTTP ${response.status}, and the answer is no JSON`);
    }
    if (!response.ok) throw new Problem(response.status, answer);
    return answer;
}

const task = (id, action = "") => `api/tasks/${encodeURIComponent(id)}${action}`;

export const me = () => request("GET", "api/me");
export const tasks = () => request("GET", "api/tasks");
export const takeNext = () => request("POST", "api/tasks/next");
export const load = (id) => request("GET", task(id));
export const claim = (id) => request("POST", task(id, "/claim"));
export const save = (id, body) => request("PUT", task(id), body);
export const submit = (id, body) => request("POST", task(id, "/submit"), body);
export const renew = (id) => request("POST", task(id, "/renew"));
export const release = (id) => request("POST", task(id, "/release"));
