// What makes pages handier where scripts run. Every page works without this file.

/** The theme link switches in place; without script it asks the server to remember the choice. */
function switchThemeInPlace() {
  const link = document.getElementById("theme");
  if (!link) return;
  const root = document.documentElement;
  const isDark = () =>
    root.dataset.theme === "dark" ||
    (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const name = () => (link.textContent = isDark() ? link.dataset.light : link.dataset.dark);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    name();
  });
  name();
}

/** An open menu closes with Escape, and when the focus or a click goes elsewhere. */
function closeMenus() {
  for (const menu of document.querySelectorAll("details.account")) {
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    const leave = (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    };
    document.addEventListener("click", leave);
    document.addEventListener("focusin", leave);
  }
}

/** After a refused form, the reader begins at what was wrong. */
function startAtErrors() {
  document.querySelector("[data-focus]")?.focus();
}

/** "Select all" ticks the boxes of its form, and the form says how many are ticked. */
function countSelection() {
  for (const all of document.querySelectorAll("[data-selects]")) {
    const form = all.closest("form") ?? document;
    const boxes = [...form.querySelectorAll(`input[name="${all.dataset.selects}"]`)];
    const told = document.getElementById(all.dataset.tells ?? "");
    const tell = () => {
      const ticked = boxes.filter((box) => box.checked).length;
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
      if (told) told.textContent = String(ticked);
    };
    all.closest("[hidden]")?.removeAttribute("hidden");
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
      tell();
    });
    for (const box of boxes) box.addEventListener("change", tell);
    tell();
  }
}

/** A form that was sent is not sent twice by an impatient click. */
function sendOnce() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
}

/** A table wider than its frame can be scrolled with the keyboard too. */
function reachWideTables() {
  const look = () => {
    for (const frame of document.querySelectorAll(".table-frame")) {
      if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
      else frame.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", look);
  document.fonts.ready.then(look); // letters of the real font may be wider
  look();
}

switchThemeInPlace();
closeMenus();
reachWideTables();
startAtErrors();
countSelection();
sendOnce();
