// The public check with a bar for large files: the file travels in the background and the answer's
// page takes this one's place. Without this script the form sends itself and the browser waits.

class Check {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("input[type=file]");
    this.box = form.querySelector("[data-progress]");
    this.bar = this.box.querySelector("progress");
    this.told = this.box.querySelector("[data-told]");
    this.input.addEventListener("change", () => this.#weigh());
    form.addEventListener("submit", (event) => this.#send(event));
  }

  /** Says that a file is too large before it travels. */
  #weigh() {
    const bytes = [...this.input.files].reduce((sum, file) => sum + file.size, 0);
    this.input.setCustomValidity(bytes > Number(this.input.dataset.limit) ? this.input.dataset.tooLarge : "");
    this.input.reportValidity();
  }

  #send(event) {
    if (event.defaultPrevented) return;
    event.preventDefault();
    if (this.request) return;
    const request = (this.request = new XMLHttpRequest());
    request.upload.addEventListener("progress", (moved) => {
      if (moved.lengthComputable) this.#tell(this.form.dataset.sending, (100 * moved.loaded) / moved.total);
    });
    request.upload.addEventListener("load", () => this.#tell(this.form.dataset.checking));
    request.addEventListener("load", () => show(request.responseText));
    request.addEventListener("error", () => this.#lost());
    request.open("POST", this.form.action);
    request.send(new FormData(this.form));
    this.#tell(this.form.dataset.sending, 0);
  }

  #tell(sentence, percent) {
    this.box.hidden = false;
    if (percent === undefined) this.bar.removeAttribute("value");
    else this.bar.value = percent;
    if (this.told.textContent !== sentence) this.told.textContent = sentence;
  }

  #lost() {
    this.request = undefined;
    delete this.form.dataset.sent; // app.js would take the next try for an impatient click
    this.form.removeAttribute("aria-busy");
    this.#tell(this.form.dataset.lost, 0);
  }
}

/** The page that was answered, whatever its status, in place of this one. */
function show(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const main = page.getElementById("main");
  document.title = page.title;
  document.getElementById("main").replaceWith(main);
  scrollTo(0, 0);
  (main.querySelector("[data-verdict], [data-focus]") ?? main).focus();
  begin();
}

/** A form that answers with a file leaves the page where it is, so it can be sent again. */
function sendAgain(form) {
  form.addEventListener("submit", () =>
    setTimeout(() => {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }),
  );
}

function begin() {
  for (const form of document.querySelectorAll("form[data-check]")) new Check(form);
  document.querySelectorAll("form[data-downloads]").forEach(sendAgain);
}

begin();
