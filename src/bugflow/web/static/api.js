// The description of the API, to read and to try out.

const place = document.getElementById("api");

/** What Swagger UI leaves out, by selector: who does not see, or has no mouse, needs it. */
const mendings = {
  ".opblock-tag, .models > h4, .modal-ux-header h3": (title) => title.setAttribute("aria-level", "2"),
  ".opblock h4, .opblock h5, .opblock h6, .modal-ux-content :is(h4, h5, h6)": (title) =>
    title.setAttribute("aria-level", "3"),
  // A button has no link in it; a click on the button goes to the same address.
  "button a[href]": (link) => link.removeAttribute("href"),
  ".close-modal": (button) => button.setAttribute("aria-label", "Close"),
  ".copy-to-clipboard button": (button) => button.setAttribute("aria-label", "Copy"),
  "table[role=region]": (table) => table.removeAttribute("role"),
  "pre.microlight, .highlight-code pre, .responses-inner pre": (code) => code.setAttribute("tabindex", "0"),
  "textarea.body-param__text": (text) => text.setAttribute("aria-label", "Request body"),
  "tr[data-param-name] :is(input, select, textarea):not([aria-label])": (field) =>
    field.setAttribute("aria-label", field.closest("tr").dataset.paramName),
};

function mend() {
  for (const [selector, change] of Object.entries(mendings)) place.querySelectorAll(selector).forEach(change);
}

new MutationObserver(mend).observe(place, { childList: true, subtree: true });

window.SwaggerUIBundle({
  url: place.dataset.description,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  presets: [window.SwaggerUIBundle.presets.apis],
});
