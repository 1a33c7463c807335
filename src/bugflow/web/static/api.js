// The description of the API, to read and to try out.

const place = document.getElementById("api");
window.SwaggerUIBundle({
  url: place.dataset.description,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  presets: [window.SwaggerUIBundle.presets.apis],
});
