// What a page gains from JavaScript; without it everything works, a little slower.

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;

/** Take a form once: a second click while the first is on its way does nothing. */
function guardSecondClick(event) {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
  delete form.dataset.changed;
}

/** Going back shows the page as it was left: its forms may be sent again. */
function releaseForms() {
  for (const form of document.querySelectorAll("[data-once][data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
}

function warnOfUnsaved(event) {
  if (document.querySelector("form[data-unsaved][data-changed]:not([data-sent])")) event.preventDefault();
}

let first = "";

function followKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const keys = first ? `${first} ${event.key}` : event.key;
  first = event.key === "g" ? "g" : "";
  const target = findByKeys(keys);
  if (keys === "?") document.getElementById("keys")?.showModal();
  else if (target?.matches("input")) target.focus();
  else if (target?.matches("button") && event.repeat) return; // Held too long: the next page would be acted upon, too.
  else if (target) target.click();
  else if (event.key === "j" || event.key === "k") moveInList(event.key === "j" ? 1 : -1);
  else return;
  event.preventDefault();
}

/** What keys stand for: of several the one in the part that has the focus, else the first. */
function findByKeys(keys) {
  const wanted = `[data-key="${CSS.escape(keys)}"]`;
  return document.activeElement?.closest("[data-keys]")?.querySelector(wanted) ?? document.querySelector(wanted);
}

function moveInList(step) {
  const links = [...document.querySelectorAll("[data-list] .what a")];
  if (links.length === 0) return;
  const now = links.indexOf(document.activeElement);
  const next = Math.min(links.length - 1, Math.max(0, now + step));
  links[now === -1 ? 0 : next].focus();
}

/**
 * What is chosen with the mouse is shown at once, as its button does without JavaScript.
 * With the keyboard one passes over other choices on the way to the wanted one, and presses the button.
 */
function showWhatIsChosen(event) {
  const button = document.getElementById(event.target.dataset?.chooses ?? "");
  if (button && !event.target.matches(":focus-visible")) button.form.requestSubmit(button);
}

const TYPING_PAUSE_MS = 400;
const PATIENCE_MS = 20_000;
const AGAIN_MS = 2_000;
const COMPARED = new Set(["project", "title", "description", "stack_trace", "issue_type", "component"]);

/** A part of a page, as the server renders it; nothing where there is no answer, and everything works without. */
async function fetchPart(address, options = {}) {
  try {
    const answer = await fetch(address, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.ok && !answer.redirected ? await answer.text() : null;
  } catch {
    return null;
  }
}

/** Put a part into its place; what somebody has opened there stays open. */
function showPart(place, html) {
  const opened = new Set([...place.querySelectorAll("details[open]")].map((each) => each.dataset.of));
  const part = document.createElement("template");
  part.innerHTML = html;
  for (const each of part.content.querySelectorAll("details[data-of]")) each.open = opened.has(each.dataset.of);
  place.replaceChildren(part.content);
}

/** Load a part; one that says it will change is loaded again, as long as it says so. */
async function loadPart(place) {
  const html = await fetchPart(place.dataset.part);
  if (html !== null) showPart(place, html);
  if (place.querySelector("[data-again]")) setTimeout(loadPart, AGAIN_MS, place);
}

/**
 * Ask while somebody types, once they pause, and one question at a time: so no answer comes after that to a later one.
 * While something in the list has the focus, it stays as it is.
 */
function askWhileTyping(place) {
  const form = place.closest("form");
  const said = form.querySelector("[data-said]");
  let timer = 0;
  let asking = false;
  let outdated = false;
  let waiting = null;
  let shown = "";

  function show(html) {
    waiting = null;
    if (html === shown) return;
    if (place.contains(document.activeElement)) {
      waiting = html;
      return;
    }
    shown = html;
    showPart(place, html);
    const heading = place.querySelector("h2")?.textContent.trim() ?? "";
    if (said.textContent !== heading) said.textContent = heading;
  }

  async function ask() {
    outdated = asking;
    if (asking) return;
    asking = true;
    const html = await fetchPart(place.dataset.asks, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    asking = false;
    if (outdated) ask();
    else if (html !== null) show(html);
  }

  form.addEventListener("input", (event) => {
    if (!COMPARED.has(event.target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(ask, TYPING_PAUSE_MS);
  });
  place.addEventListener("focusout", () => setTimeout(() => waiting !== null && show(waiting)));
  if (form.elements.title.value) ask();
}

document.querySelectorAll("[data-part]").forEach(loadPart);
document.querySelectorAll("[data-asks]").forEach(askWhileTyping);
document.addEventListener("change", showWhatIsChosen);
document.addEventListener("submit", guardSecondClick);
document.addEventListener("keydown", followKey);
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-unsaved]");
  if (form) form.dataset.changed = "yes";
});
window.addEventListener("pageshow", releaseForms);
window.addEventListener("beforeunload", warnOfUnsaved);
