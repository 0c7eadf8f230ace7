// The pages work without this script. It copies text, and updates figures and relative times.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const text = source.dataset.text ?? source.textContent;
  let result = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard. The user can copy the selected text.
    getSelection().selectAllChildren(source);
    result = "Selected";
  }
  const before = button.textContent;
  button.textContent = result;
  setTimeout(() => { button.textContent = before; }, 2000);
});

// On a narrow screen the navigation scrolls sideways.
document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A request that no person has sent has the field `auto`: it does not count as use of the session. The field is removed
// from the address, so that a reload by a person does not have it.
if (location.search === "?auto") history.replaceState(null, "", location.pathname);
const reload = () => location.replace(`${location.pathname}?auto`);

// Fetches figures each second while the page is visible. Reloads the page when the state changes.
for (const place of document.querySelectorAll("[data-poll]")) {
  const state = place.querySelector("[data-state]")?.dataset.state;
  const timer = setInterval(async () => {
    if (document.hidden) return;
    let answer;
    try {
      answer = await fetch(place.dataset.poll);
    } catch {
      return;
    }
    if (!answer.ok) {
      clearInterval(timer);
      reload();
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-state]");
    if (fresh.dataset.state !== state) reload();
    else place.replaceChildren(fresh);
  }, 1000);
}

const UNITS = [[31536000, "year"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

// The server writes each time once. This updates the relative times beside them.
setInterval(() => {
  for (const place of document.querySelectorAll("[data-at]")) {
    const span = Number(place.dataset.at) - Math.floor(Date.now() / 1000);
    const [seconds, unit] = UNITS.find(([seconds]) => Math.abs(span) >= seconds) ?? [1, "second"];
    const count = Math.floor(Math.abs(span) / seconds);
    const duration = `${count} ${unit}${count === 1 ? "" : "s"}`;
    place.textContent = span === 0 ? "now" : span > 0 ? `in ${duration}` : `${duration} ago`;
  }
}, 10000);

// The arrow keys change the step of the Walk-through.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, pre, dialog")) return;
  const direction = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  document.querySelector(`.pager a[rel=${direction}]`)?.click();
});
