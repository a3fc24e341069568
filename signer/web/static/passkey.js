// Passkeys (WebAuthn, level 3): signing with one, and adding one. A PIN needs none of this.
//
// The server says what to ask the authenticator for, as JSON; what it answers goes back as JSON in
// a hidden field, and the form travels as every other form does.

const fromText = (text) => {
  const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
};
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** The PRF's inputs are octets; JSON carries them as base64url. */
function withOctets(extensions) {
  const first = extensions?.prf?.eval?.first;
  return first ? { ...extensions, prf: { eval: { first: fromText(first) } } } : extensions;
}

const named = (list) => (list ?? []).map((one) => ({ ...one, id: fromText(one.id) }));

function toCreate(options) {
  return {
    ...options,
    challenge: fromText(options.challenge),
    user: { ...options.user, id: fromText(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
    extensions: withOctets(options.extensions),
  };
}

function toGet(options) {
  return {
    ...options,
    challenge: fromText(options.challenge),
    allowCredentials: named(options.allowCredentials),
    extensions: withOctets(options.extensions),
  };
}

/** What the authenticator answered, every octet string as base64url. */
function toJson(credential, prfFrom = credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  const { prf } = prfFrom.getClientExtensionResults();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: prf?.results
      ? { prf: { enabled: true, results: { first: toText(prf.results.first) } } } : {},
  };
}

/** Most authenticators evaluate the PRF only when they sign, so a new one is asked once more. */
async function made(options) {
  const credential = await navigator.credentials.create({ publicKey: toCreate(options) });
  if (credential.getClientExtensionResults().prf?.results) return toJson(credential);
  const asked = await navigator.credentials.get({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)), // nobody checks this answer
      rpId: options.rp.id,
      allowCredentials: [{ type: "public-key", id: credential.rawId }],
      userVerification: "required",
      extensions: withOctets(options.extensions),
    },
  });
  return toJson(credential, asked);
}

/** The JSON at the address; `Error` with the server's sentence when it refuses. */
async function ask(address, form) {
  const body = new FormData(form);
  for (const name of [...body.keys()]) {
    if (name.startsWith("pin")) body.delete(name); // only the form itself carries it
  }
  const answer = await fetch(address, { method: "POST", body });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.sentence ?? form.dataset.failed);
  return said;
}

/** Runs when the button is pressed; what went wrong is said beside it. */
function pressing(form, act) {
  const part = form.querySelector("[data-passkey]");
  const button = part.querySelector("button");
  const says = part.querySelector("[role=alert]");
  if (!globalThis.PublicKeyCredential || !isSecureContext) return;
  part.hidden = false;
  button.addEventListener("click", async () => {
    if (form.dataset.newPasskey && !form.reportValidity()) return;
    button.disabled = true;
    says.textContent = "";
    try {
      await act();
      form.requestSubmit();
    } catch (error) {
      says.textContent = error.name === "Error" ? error.message : form.dataset.failed;
    }
    button.disabled = false;
  });
}

for (const form of document.querySelectorAll("form[data-offer]")) {
  if (!form.querySelector("[data-passkey]")) continue;
  pressing(form, async () => {
    const offer = await ask(form.dataset.offer, form);
    const credential = await navigator.credentials.get({ publicKey: toGet(offer.passkey) });
    form.elements.activation_id.value = offer.activation_id;
    form.elements.assertion.value = JSON.stringify(toJson(credential));
  });
}

for (const form of document.querySelectorAll("form[data-new-passkey]")) {
  form.addEventListener("keydown", (event) => { // it has no button that submits
    if (event.key === "Enter" && event.target.matches("input")) form.querySelector("button").click();
  });
  pressing(form, async () => {
    const options = await ask(form.dataset.newPasskey, form);
    form.elements.response.value = JSON.stringify(await made(options));
  });
}
