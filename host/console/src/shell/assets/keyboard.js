
// The keyboard: Ctrl+K opens the palette, / goes to the search, the arrow keys move in tables and lists.
const palette = document.getElementById("palette");
const jump = document.getElementById("jump");
const isText = (element) => element.closest("input:not([type=checkbox], [type=radio]), select, textarea");

if (palette) {
  const text = palette.querySelector("input");
  const entries = [...palette.querySelectorAll("li")];
  const search = palette.querySelector("[data-search]");
  const shown = () => entries.filter((entry) => !entry.hidden).map((entry) => entry.firstElementChild);
  const open = () => {
    if (palette.open) return;
    text.value = "";
    text.dispatchEvent(new Event("input"));
    palette.showModal();
  };
  jump.hidden = false;
  jump.addEventListener("click", open);
  text.addEventListener("input", () => {
    const wanted = text.value.trim();
    for (const entry of entries) entry.hidden = !entry.textContent.toLowerCase().includes(wanted.toLowerCase());
    search.parentElement.hidden = false;
    search.textContent = wanted ? `Search the certificates for ${wanted}` : "Search the certificates";
    search.href = wanted ? `/certificates?q=${encodeURIComponent(wanted)}` : "/certificates";
  });
  palette.addEventListener("keydown", (event) => {
    const links = shown();
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (at > 0 ? links[at - 1] : text).focus();
    else if (event.key === "Enter" && at < 0) links[0]?.click();
    else return;
    event.preventDefault();
  });
  // A click beside the dialog closes it.
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    open();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || palette?.open) return;
  if (event.key === "/" && !isText(event.target)) {
    const field = document.querySelector("main input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target.closest("table.rows tbody tr, .connections > li");
  if (!step || !row || isText(event.target)) return;
  let next = row;
  do next = step > 0 ? next.nextElementSibling : next.previousElementSibling; while (next?.hidden);
  const place = next?.querySelector("th a, summary, a, button");
  if (!place) return;
  event.preventDefault();
  place.focus();
});

// The bytes of a frame are one stop of the Tab key. The arrow keys go from byte to byte.
const hex = document.querySelector(".hex");
hex?.addEventListener("keydown", (event) => {
  const bytes = [...hex.querySelectorAll("button")];
  const at = bytes.indexOf(event.target);
  const column = at % 16;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -16, ArrowDown: 16, Home: -column, End: 15 - column }[event.key];
  if (at < 0 || step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  // The arrow keys change the step elsewhere on the page.
  event.stopPropagation();
  const next = bytes[event.key === "End" ? Math.min(at + step, bytes.length - 1) : at + step];
  if (!next) return;
  bytes[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

// A field of a certificate or of a message, and the bytes that it comes from, light up together.
const light = (event, on) => {
  const name = event.target.closest?.("[data-bytes]")?.dataset.bytes;
  if (!name) return;
  for (const part of document.querySelectorAll(`[data-bytes="${CSS.escape(name)}"]`)) part.classList.toggle("lit", on);
};
for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, (event) => light(event, true));
for (const kind of ["mouseout", "focusout"]) document.addEventListener(kind, (event) => light(event, false));

// The result of an action can be dismissed. It leaves by itself when nobody points at it.
for (const toast of document.querySelectorAll(".toast")) {
  const button = toast.querySelector("[data-dismiss]");
  button.hidden = false;
  button.addEventListener("click", () => toast.remove());
  const leave = () => { if (toast.matches(":hover, :focus-within")) setTimeout(leave, 2000); else toast.remove(); };
  setTimeout(leave, 10000);
}
