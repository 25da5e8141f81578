"use strict";

// Shows /api/v1 as tables. Text from the API only ever becomes text nodes.

const REFRESH_MS = 5000;
const TOKEN_KEY = "ha-ingestor-admin-token";
const element = (id) => document.getElementById(id);

let previous = null; // the last count of received events, for the rate
let timer = null;

class Unauthorized extends Error {}

function ask(path) {
  return request(path, {});
}

function tell(path, wish) {
  return request(path, { method: "POST", body: JSON.stringify(wish) });
}

async function request(path, options) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const answer = await fetch(`/api/v1/${path}`, {
    ...options,
    headers: { Authorization: `Bearer ${token}` },
    cache: "no-store",
  });
  if (answer.status === 401) throw new Unauthorized();
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}

function cell(text, kind) {
  const td = document.createElement("td");
  td.textContent = text ?? "";
  if (kind) td.className = kind;
  return td;
}

function fill(id, rows, empty) {
  const lines = rows.map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  });
  if (lines.length === 0) {
    const only = cell(empty);
    only.colSpan = 6;
    const tr = document.createElement("tr");
    tr.append(only);
    lines.push(tr);
  }
  element(id).replaceChildren(...lines);
}

function facts(id, pairs) {
  const nodes = pairs.map(([name, text, kind]) => {
    const box = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    value.textContent = text;
    if (kind) value.className = kind;
    box.append(term, value);
    return box;
  });
  element(id).replaceChildren(...nodes);
}

const whole = (number) => (number == null ? "–" : number.toLocaleString("en"));
const clock = (iso) => new Date(iso).toLocaleString();

function bytes(number) {
  if (number == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number.toFixed(unit && number < 100 ? 1 : 0)} ${units[unit]}`;
}

function duration(seconds) {
  if (seconds == null) return "";
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

function rateOf(received) {
  const now = { at: performance.now(), received };
  const before = previous;
  previous = now;
  if (received == null || before?.received == null) return "–";
  const perSecond = ((received - before.received) * 1000) / (now.at - before.at);
  return `${Math.max(0, perSecond).toFixed(1)} /s`;
}

async function showServices() {
  const { status, services } = await ask("services");
  const overall = element("overall");
  overall.textContent = `The stack is ${status}.`;
  overall.className = status;
  fill(
    "services",
    services.map((one) => {
      const reasons = one.reasons.map((reason) => `${reason.code}: ${reason.detail}`);
      const memory = one.resources?.memory_bytes;
      const limit = one.resources?.memory_limit_bytes;
      return [
        cell(one.name),
        cell(one.status, one.status),
        cell(one.cause ?? reasons.join("; ")),
        cell(limit ? `${bytes(memory)} of ${bytes(limit)}` : bytes(memory), "number"),
        cell(one.resources ? `${one.resources.cpu_seconds.toFixed(1)} s` : "–", "number"),
        cell(duration(one.uptime_seconds), "number"),
      ];
    }),
    "No service.",
  );
}

async function showStats() {
  const { reconciled, services } = await ask("stats");
  const ingestion = services["websocket-ingestion"] ?? {};
  const events = ingestion.events ?? {};
  const spool = ingestion.spool ?? {};
  const sums = reconciled == null ? "not known" : reconciled ? "yes" : "NO";
  const kind = reconciled == null ? "degraded" : reconciled ? "ready" : "failing";
  facts("flow", [
    ["Rate", rateOf(events.received)],
    ["Received", whole(events.received)],
    ["Waiting to be stored", whole(events.pending)],
    ["Stored", whole(events.written)],
    ["Dead letters", whole(events.dead_lettered)],
    ["Older than retention", whole(events.expired)],
    ["Spool", `${bytes(spool.bytes)} of ${bytes(spool.limit_bytes)}`],
    ["Home Assistant", ingestion.connection?.phase ?? "not known"],
    ["Counts add up", sums, kind],
  ]);
}

async function showEvents() {
  const entity = element("entity").value.trim();
  const filter = entity ? `&entity_id=${encodeURIComponent(entity)}` : "";
  const { events } = await ask(`events?limit=20${filter}`);
  fill(
    "events",
    events.map((event) => [
      cell(clock(event.time), "number"),
      cell(event.entity_id),
      cell(event.removed ? "(removed)" : event.state),
      cell(event.value, "number"),
      cell(event.unit),
    ]),
    "No event was stored in the last hour.",
  );
}

async function showGaps() {
  const { gaps } = await ask("gaps?limit=20");
  fill(
    "gaps",
    gaps.map((gap) => [
      cell(clock(gap.from), "number"),
      cell(gap.until ? clock(gap.until) : "", "number"),
      cell(gap.state === "open" ? `${gap.cause} (being read back)` : gap.cause),
      cell(gap.expected, "number"),
      cell(gap.recovered, "number"),
      cell(lost(gap), gap.unrecoverable ? "failing" : "number"),
    ]),
    "None: Home Assistant was never away.",
  );
}

function lost(gap) {
  if (!gap.unrecoverable) return "0";
  const reasons = Object.entries(gap.reasons).map(([why, count]) => `${why}: ${count}`);
  return `${gap.unrecoverable} (${reasons.join(", ")})`;
}

async function showDeadLetters() {
  const { deadletters } = await ask("deadletters?limit=20");
  element("retry").hidden = deadletters.length === 0;
  fill(
    "dead",
    deadletters.map((one) => [
      cell(clock(one.at), "number"),
      cell(one.reason),
      cell(one.entity_id),
      cell(one.events, "number"),
      cell(one.detail),
      cell(one.retries ? `${one.retries}, last ${clock(one.last_retry_at)}` : "", "number"),
    ]),
    "None: every event could be stored.",
  );
}

async function retryDeadLetters() {
  const result = element("retry-result");
  element("retry").disabled = true;
  result.textContent = "Retrying …";
  try {
    const done = await tell("deadletters/retry", {});
    const gone = `${done.stored} stored, ${done.expired} older than the retention`;
    result.textContent =
      `${done.retried} retried: ${gone}, ${done.refused} refused again, ` +
      `${done.unusable} unusable.`;
  } catch (error) {
    if (error instanceof Unauthorized) return signOut("This token is not accepted.");
    result.textContent = error.message;
  } finally {
    element("retry").disabled = false;
  }
  refresh();
}

async function attempt(show, problemId) {
  const problem = element(problemId);
  try {
    await show();
    problem.textContent = "";
  } catch (error) {
    if (error instanceof Unauthorized) throw error;
    problem.textContent = error.message;
  }
}

async function refresh() {
  clearTimeout(timer);
  try {
    await attempt(showServices, "services-problem");
    await attempt(showStats, "flow-problem");
    await attempt(showEvents, "events-problem");
    await attempt(showGaps, "gaps-problem");
    await attempt(showDeadLetters, "dead-problem");
    show(true);
    clearTimeout(timer);
    timer = setTimeout(refresh, REFRESH_MS);
  } catch (error) {
    signOut(error instanceof Unauthorized ? "This token is not accepted." : error.message);
  }
}

function show(signedIn) {
  element("login").hidden = signedIn;
  element("content").hidden = !signedIn;
  element("sign-out").hidden = !signedIn;
}

function signOut(problem) {
  clearTimeout(timer);
  sessionStorage.removeItem(TOKEN_KEY);
  previous = null;
  element("retry-result").textContent = "";
  element("overall").textContent = "not signed in";
  element("overall").className = "";
  element("login-problem").textContent = problem;
  show(false);
}

element("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, element("token").value.trim());
  element("token").value = "";
  refresh();
});
element("sign-out").addEventListener("click", () => signOut(""));
element("entity").addEventListener("change", refresh);
element("retry").addEventListener("click", retryDeadLetters);

if (sessionStorage.getItem(TOKEN_KEY)) {
  refresh();
} else {
  show(false);
}
