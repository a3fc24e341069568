// The form for a new dossier: finds people by name and keeps them in order. Without this script
// the codes are typed into the text area, one per line, which stays the truth of the form.

const WAIT_MS = 250;

class People {
  constructor(root) {
    this.plain = root.querySelector("[data-plain]");
    this.codes = this.plain.querySelector("textarea");
    this.part = root.querySelector("[data-script-only]");
    this.search = root.querySelector("[data-search]");
    this.results = root.querySelector("[data-results]");
    this.list = root.querySelector("[data-chosen]");
    this.row = root.querySelector("[data-chosen-row]");
    this.nobody = root.querySelector("[data-nobody]");
    this.live = root.querySelector("[data-live]");
    this.part.hidden = false;
    this.plain.hidden = true;
    this.#showErrors();
    for (const code of this.codes.value.split("\n").filter(Boolean)) this.#add(code, "");
    this.search.addEventListener("input", () => this.#ask());
    this.search.addEventListener("keydown", (event) => this.#keyInSearch(event));
    this.results.addEventListener("click", (event) => this.#choose(event));
    this.results.addEventListener("keydown", (event) => this.#keyInResults(event));
    this.list.addEventListener("click", (event) => this.#act(event));
    this.#store();
  }

  /** What the server said about the hidden text area is shown, and linked, at the search. */
  #showErrors() {
    const error = this.plain.querySelector(".field-error");
    this.codes.removeAttribute("required");
    if (error) this.search.after(error);
    for (const link of document.querySelectorAll(`a[href="#${this.codes.id}"]`)) {
      link.setAttribute("href", `#${this.search.id}`);
    }
  }

  #ask() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(async () => {
      this.asking?.abort();
      this.asking = new AbortController();
      const address = `${this.search.dataset.search}?q=${encodeURIComponent(this.search.value)}`;
      try {
        const answer = await fetch(address, { signal: this.asking.signal, headers: { "HX-Request": "true" } });
        if (answer.ok) this.results.innerHTML = await answer.text();
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    }, WAIT_MS);
  }

  #keyInSearch(event) {
    if (event.key === "Enter") {
      event.preventDefault(); // Enter looks for people, it does not submit the dossier
      this.results.querySelector("[data-add]")?.click();
    }
    if (event.key === "ArrowDown") {
      event.preventDefault();
      this.results.querySelector("[data-add]")?.focus();
    }
  }

  #keyInResults(event) {
    const all = [...this.results.querySelectorAll("[data-add]")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    (all[all.indexOf(document.activeElement) + step] ?? this.search).focus();
  }

  #choose(event) {
    const found = event.target.closest("[data-add]");
    if (!found) return;
    this.#add(found.dataset.add, found.dataset.person);
    this.#store();
    this.live.textContent = found.dataset.person;
    this.search.value = "";
    this.results.replaceChildren();
    this.search.focus();
  }

  #add(code, name) {
    if (this.list.querySelector(`[data-signer="${CSS.escape(code)}"]`)) return;
    const row = this.row.content.firstElementChild.cloneNode(true);
    row.dataset.signer = code;
    row.querySelector("[data-name]").textContent = name;
    row.querySelector("[data-code]").textContent = code;
    for (const button of row.querySelectorAll("[data-act]")) {
      button.setAttribute("aria-label", `${button.dataset.says} ${name || code}`);
    }
    this.list.append(row);
  }

  #act(event) {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    const row = button.closest("[data-signer]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    if (button.dataset.act === "up") row.previousElementSibling?.before(row);
    if (button.dataset.act === "down") row.nextElementSibling?.after(row);
    if (button.dataset.act === "remove") {
      row.remove();
      (next?.querySelector('[data-act="remove"]') ?? this.search).focus();
    } else {
      button.focus();
    }
    this.#store();
  }

  #store() {
    const rows = [...this.list.children];
    this.codes.value = rows.map((row) => row.dataset.signer).join("\n");
    this.nobody.hidden = rows.length > 0;
  }
}

/** Says that files are too large before they travel, where the browser can know it. */
function watchSizes(input) {
  input.addEventListener("change", () => {
    const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
    input.setCustomValidity(bytes > Number(input.dataset.limit) ? input.dataset.tooLarge : "");
    input.reportValidity();
  });
  input.form.addEventListener("submit", (event) => {
    if (!input.checkValidity() && input.validity.customError) {
      event.preventDefault();
      input.reportValidity();
    }
  });
}

for (const root of document.querySelectorAll("[data-people]")) new People(root);
document.querySelectorAll("input[type=file][data-limit]").forEach(watchSizes);
