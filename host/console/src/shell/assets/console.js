// The pages work without this. It copies, and keeps figures and relative times fresh.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const text = source.dataset.text ?? source.textContent;
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard; what is selected can be copied by hand.
    getSelection().selectAllChildren(source);
    said = "Selected";
  }
  const before = button.textContent;
  button.textContent = said;
  setTimeout(() => { button.textContent = before; }, 2000);
});

// A request that no person has made says so with `auto`: it does not use the session. When a person loads the page again
// its address is the plain one.
if (location.search === "?auto") history.replaceState(null, "", location.pathname);
const loadAnew = () => location.replace(`${location.pathname}?auto`);

// Figures that change: fetched each second while the page is looked at; a new state loads the page anew.
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
      loadAnew();
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-state]");
    if (fresh.dataset.state !== state) loadAnew();
    else place.replaceChildren(fresh);
  }, 1000);
}

const UNITS = [[31536000, "year"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

// Moments are written once by the server; what is beside them goes on.
setInterval(() => {
  for (const place of document.querySelectorAll("[data-at]")) {
    const span = Number(place.dataset.at) - Math.floor(Date.now() / 1000);
    const [seconds, unit] = UNITS.find(([seconds]) => Math.abs(span) >= seconds) ?? [1, "second"];
    const count = Math.floor(Math.abs(span) / seconds);
    const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
    place.textContent = span === 0 ? "now" : span > 0 ? `in ${words}` : `${words} ago`;
  }
}, 10000);

// The Walk-through steps with the arrow keys too.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, pre")) return;
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  document.querySelector(`.pager a[rel=${way}]`)?.click();
});
