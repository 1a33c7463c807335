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
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const keys = first ? `${first} ${event.key}` : event.key;
  first = event.key === "g" ? "g" : "";
  if (keys === "?") document.getElementById("keys")?.showModal();
  else if (event.key === "j" || event.key === "k") moveInList(event.key === "j" ? 1 : -1);
  else {
    const target = document.querySelector(`[data-key="${CSS.escape(keys)}"]`);
    if (!target) return;
    if (target.matches("input")) target.focus();
    else target.click();
  }
  event.preventDefault();
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

document.addEventListener("change", showWhatIsChosen);
document.addEventListener("submit", guardSecondClick);
document.addEventListener("keydown", followKey);
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-unsaved]");
  if (form) form.dataset.changed = "yes";
});
window.addEventListener("pageshow", releaseForms);
window.addEventListener("beforeunload", warnOfUnsaved);
