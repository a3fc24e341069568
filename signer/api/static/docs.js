// Starts Swagger UI; a file of its own because the policy allows no inline script.
"use strict";

const place = document.getElementById("description");

window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  persistAuthorization: false, // a token never outlives the page
  validatorUrl: null, // nothing leaves this network
});
