// The Live page: draws each connection from the server's events.
"use strict";

const list = document.getElementById("connections");
const kept = Number(list.dataset.kept);
const state = document.getElementById("state");
const filter = document.getElementById("filter");
const refusals = document.getElementById("refusals");
const slow = document.getElementById("slow");
const pause = document.getElementById("pause");
const templates = Object.fromEntries(["connection", "frame", "note"].map((id) => [id, document.getElementById(id)]));

const connections = new Map(); // the newest connection of each number, among the drawn ones
const rows = []; // all drawn events, oldest first: at most as many as the server keeps
let waiting = []; // the events that came during a pause
let missed = 0;
let link = "Connecting…";

const make = (name) => templates[name].content.firstElementChild.cloneNode(true);
const clock = (at) => new Date(at).toISOString().slice(11, 19) + " UTC";
const span = (ms) => (ms < 1000 ? `${ms} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`);
const SLOW = 1000; // milliseconds between two events of a connection, or for all of them

function card(event) {
  let card = connections.get(event.connection);
  // After a restart the server counts from 1 again.
  if (!card || event.kind === "arrived") {
    card = make("connection");
    card.querySelector(".title").textContent = `#${event.connection}`;
    card.querySelector(".when").textContent = clock(event.at);
    card.number = event.connection;
    card.began = card.last = event.at;
    card.messages = 0;
    badge(card, "open", "");
    connections.set(event.connection, card);
    list.prepend(card);
  }
  return card;
}

function badge(card, text, kind) {
  const badge = card.querySelector("summary > .badge");
  badge.textContent = text;
  badge.className = `badge ${kind}`;
}

function row(event) {
  if (event.kind !== "received" && event.kind !== "sent") {
    const note = make("note");
    note.querySelector(".text").textContent = {
      arrived: () => `${event.text} connects`,
      "turned-away": () => `${event.text} is refused: too many connections`,
      granted: () => `${event.subject} is granted a certificate, ${event.text}`,
      revoked: () => `a certificate is revoked by its holder: ${event.text}`,
      status: () => `a status is sent: ${event.text}`,
      twin: () => `an X.509 twin is sent: ${event.text}`,
      anchors: () => "the changes of the CA's key are sent",
      refused: () => `${event.subject ?? "a message"} is refused: ${event.text}`,
      left: () => `the connection ends: ${event.text}`,
    }[event.kind]();
    note.classList.add(event.kind);
    code(note, event.kind === "refused" ? event.code : null, "bad");
    return note;
  }
  const frame = make("frame");
  const summary = frame.querySelector("summary");
  summary.classList.add(event.kind === "received" ? "forth" : "back");
  if (event.code) summary.classList.add("bad");
  frame.querySelector(".way").textContent = event.kind === "received" ? "client to CA: " : "CA to client: ";
  frame.querySelector(".name").textContent = event.text;
  frame.querySelector(".size").textContent = `${event.bytes} bytes`;
  code(frame, event.code, "bad");
  const details = frame.querySelector("details");
  details.addEventListener("toggle", () => open(details, event.number), { once: true });
  return frame;
}

function code(place, text, kind) {
  if (!text) return;
  const badge = place.querySelector(".code");
  badge.textContent = text;
  badge.classList.add(kind);
  badge.hidden = false;
}

// Loads the decoded message when the user opens its arrow.
async function open(details, number) {
  const place = details.querySelector(".opened");
  try {
    const answer = await fetch(list.dataset.message + number);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(page.querySelector(".message, .notice"));
  } catch {
    place.textContent = "The console does not answer.";
  }
}

function draw(event) {
  const place = card(event);
  const drawn = row(event);
  time(place, drawn, event);
  place.querySelector(".sequence").append(drawn);
  rows.push(drawn);
  if (event.kind === "arrived" || event.kind === "turned-away") place.querySelector(".who").textContent = event.text;
  if (event.subject) place.querySelector(".who").textContent = event.subject;
  if (event.kind === "granted") badge(place, "granted", "good");
  if (event.kind === "revoked") badge(place, "revoked", "busy");
  if (event.kind === "status") badge(place, "status sent", "good");
  if (event.kind === "twin") badge(place, "X.509 sent", "good");
  if (event.kind === "anchors") badge(place, "keys sent", "good");
  if (event.kind === "refused") badge(place, "refused", "bad");
  if (event.kind === "turned-away") badge(place, "refused", "bad");
  if (event.kind === "refused" || event.kind === "turned-away") place.dataset.refused = "";
  if (event.kind === "left" && place.querySelector("summary > .badge").textContent === "open") badge(place, "unfinished", "busy");
  place.dataset.words = `${place.dataset.words ?? ""} ${event.text} ${event.subject ?? ""} ${event.code ?? ""}`.toLowerCase().slice(-4000);
  while (rows.length > kept) {
    const oldest = rows.shift();
    const holder = oldest.closest(".connection");
    oldest.remove();
    if (holder.querySelector(".sequence").firstElementChild) continue;
    holder.remove();
    if (connections.get(holder.number) === holder) connections.delete(holder.number);
  }
  applyFilter(place);
}

// The times: since the event before, and of the whole connection.
function time(card, drawn, event) {
  const gap = Math.max(0, event.at - card.last);
  const place = drawn.querySelector(".gap");
  if (event.kind !== "arrived" && event.kind !== "turned-away") place.textContent = `+${span(gap)}`;
  place.classList.toggle("slow", gap >= SLOW);
  const whole = Math.max(0, event.at - card.began);
  const took = card.querySelector(".took");
  took.textContent = span(whole);
  took.classList.toggle("slow", whole >= SLOW);
  if (whole >= SLOW) card.dataset.slow = "";
  if (event.kind === "received" || event.kind === "sent") card.messages += 1;
  card.querySelector(".count").textContent = `${card.messages} msg`;
  card.last = event.at;
}

function applyFilter(card) {
  const wanted = filter.value.trim().toLowerCase();
  const fits = (card.dataset.words ?? "").includes(wanted);
  card.hidden = !fits || (refusals.checked && !("refused" in card.dataset)) || (slow.checked && !("slow" in card.dataset));
}

function showState() {
  document.getElementById("empty").hidden = rows.length > 0;
  document.getElementById("nothing").hidden = rows.length === 0 || list.querySelector(":scope > :not([hidden])") !== null;
  const paused = pause.getAttribute("aria-pressed") === "true";
  const parts = [paused ? `Paused; ${waiting.length} events wait.` : link];
  if (missed) parts.push(`${missed} events were too fast and are not shown.`);
  const text = parts.join(" ");
  if (state.textContent !== text) state.textContent = text;
}

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Continue" : "Pause";
  if (!paused) {
    waiting.forEach(draw);
    waiting = [];
  }
  showState();
});

const filterAll = () => { list.querySelectorAll(".connection").forEach(applyFilter); showState(); };
filter.addEventListener("input", filterAll);
refusals.addEventListener("change", filterAll);
slow.addEventListener("change", filterAll);
document.getElementById("clear").addEventListener("click", () => {
  filter.value = "";
  refusals.checked = slow.checked = false;
  filterAll();
  filter.focus();
});

const source = new EventSource(list.dataset.source);
source.addEventListener("open", () => { link = `Watching; the newest ${kept} events are kept.`; showState(); });
source.addEventListener("error", () => {
  link = source.readyState === EventSource.CLOSED
    ? "The console ended the stream: the session may have ended. Load the page again."
    : "The console does not answer. Trying again.";
  showState();
});
source.addEventListener("missed", (message) => { missed += Number(message.data); showState(); });
source.addEventListener("message", (message) => {
  const event = JSON.parse(message.data);
  if (pause.getAttribute("aria-pressed") === "true") {
    waiting.push(event);
    if (waiting.length > kept) { waiting.shift(); missed += 1; }
  } else draw(event);
  showState();
});
