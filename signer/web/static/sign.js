// The signing page: moves the signature box by mouse, touch, arrow keys or number fields, and
// keeps all four in step. Without this script the number fields alone place the box.
//
// The box lives in an SVG layer over one page image. The layer's viewBox is the page in points
// (1/72 inch, y downwards), so the box keeps its place at every zoom without any arithmetic.

const POINTS_PER_MM = 72 / 25.4;
const STEP_MM = 1;
const SMALLEST_MM = { width: 30, height: 9 };
const ZOOM = { least: 0.5, most: 3, step: 0.25 };
const SHARP_FROM = 1.25;

/** A sentence with its {name} fields filled in; sentences come translated from the page. */
function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.scroller = root.querySelector("[data-pages]");
    this.pages = [...root.querySelectorAll("[data-page]")];
    this.number = root.querySelector("[data-page-number]");
    this.zoomShown = root.querySelector("[data-zoom-shown]");
    this.zoom = 1;
    this.current = 1;
    this.zoomed = []; // what boxes do then
    this.onzoom = () => this.zoomed.forEach((then) => then());
    root.querySelectorAll("[data-script-only]").forEach((part) => { part.hidden = false; });
    root.addEventListener("click", (event) => this.#clicked(event));
    this.number?.addEventListener("change", () => this.show(Number(this.number.value)));
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.onzoom()).observe(this.scroller);
  }

  page(number) {
    return this.pages[number - 1];
  }

  /** Scrolls to a page; numbers outside the document become its first or last page. */
  show(number) {
    const wanted = Math.min(Math.max(Math.round(number) || 1, 1), this.pages.length);
    this.scroller.scrollTop = this.page(wanted).offsetTop - this.scroller.offsetTop;
    this.#setCurrent(wanted);
  }

  /** Scrolls only as far as needed to see the element. */
  reveal(element) {
    const seen = this.scroller.getBoundingClientRect();
    const wanted = element.getBoundingClientRect();
    if (wanted.top < seen.top || wanted.bottom > seen.bottom) {
      this.scroller.scrollTop += wanted.top - seen.top - (seen.height - wanted.height) / 2;
    }
    if (wanted.left < seen.left || wanted.right > seen.right) {
      this.scroller.scrollLeft += wanted.left - seen.left - (seen.width - wanted.width) / 2;
    }
  }

  setZoom(zoom) {
    const frame = this.scroller;
    const middle = {
      x: (frame.scrollLeft + frame.clientWidth / 2) / frame.scrollWidth,
      y: (frame.scrollTop + frame.clientHeight / 2) / frame.scrollHeight,
    };
    this.zoom = Math.min(Math.max(zoom, ZOOM.least), ZOOM.most);
    frame.style.setProperty("--zoom", String(this.zoom));
    frame.scrollLeft = middle.x * frame.scrollWidth - frame.clientWidth / 2;
    frame.scrollTop = middle.y * frame.scrollHeight - frame.clientHeight / 2;
    if (this.zoomShown) this.zoomShown.value = `${Math.round(this.zoom * 100)} %`;
    this.#sharpen();
    this.onzoom();
  }

  #clicked(event) {
    const action = event.target.closest("[data-view]")?.dataset.view;
    if (action === "previous") this.show(this.current - 1);
    if (action === "next") this.show(this.current + 1);
    if (action === "zoom-in") this.setZoom(this.zoom + ZOOM.step);
    if (action === "zoom-out") this.setZoom(this.zoom - ZOOM.step);
  }

  #scrolled() {
    const middle = this.scroller.getBoundingClientRect().top + this.scroller.clientHeight / 2;
    const found = this.pages.findIndex((page) => page.getBoundingClientRect().bottom >= middle);
    this.#setCurrent(found < 0 ? this.pages.length : found + 1);
  }

  #setCurrent(number) {
    this.current = number;
    this.#sharpen();
    if (this.number && document.activeElement !== this.number) this.number.value = String(number);
  }

  /** When zoomed in, the page in view and its neighbours get finer images, once these are here. */
  #sharpen() {
    if (this.zoom <= SHARP_FROM) return;
    for (const page of this.pages.slice(Math.max(this.current - 2, 0), this.current + 1)) {
      const image = page.querySelector("img[data-sharp]");
      if (!image) continue;
      const finer = new Image();
      finer.src = image.dataset.sharp;
      delete image.dataset.sharp;
      finer.decode().then(() => { image.src = finer.src; }, () => {});
    }
  }
}

class SignatureBox {
  constructor(layer, viewer, part) {
    this.layer = layer;
    this.viewer = viewer;
    this.part = part;
    this.fields = Object.fromEntries(
      [...part.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field]),
    );
    this.handle = layer.querySelector("[data-box]");
    this.frame = layer.querySelector("[data-frame]");
    this.preview = layer.querySelector("[data-preview]");
    this.corners = [...layer.querySelectorAll("[data-corner]")];
    this.live = part.querySelector("[data-live]");
    this.isFixed = "fixed" in layer.dataset; // a seal has its real size, a text that of its letters
    this.proposed = this.#fromFields();
    this.place = { ...this.proposed };
    this.handle.setAttribute("tabindex", "0");
    this.handle.addEventListener("keydown", (event) => this.#key(event));
    this.handle.addEventListener("pointerdown", (event) => this.#grab(event));
    part.addEventListener("change", () => this.#typed());
    part.addEventListener("input", () => this.#typed(true));
    viewer.root.addEventListener("click", (event) => this.#clicked(event));
    viewer.scroller.addEventListener("dblclick", (event) => this.#putAt(event));
    viewer.zoomed.push(() => this.#sizeCorners());
    this.#draw();
    this.#sizeCorners();
  }

  // --- the place: page, x, y, width, height in points from the upper left corner ---

  #fromFields() {
    const mm = (name) => Number(this.fields[name].value.replace(",", ".")) * POINTS_PER_MM;
    return {
      page: Number(this.fields.page.value),
      x: mm("left_mm"), y: mm("top_mm"), width: mm("width_mm"), height: mm("height_mm"),
    };
  }

  #toFields() {
    const mm = (points) => (Math.round((points / POINTS_PER_MM) * 10) / 10).toString();
    const { fields } = this;
    fields.page.value = String(this.place.page);
    fields.left_mm.value = mm(this.place.x);
    fields.top_mm.value = mm(this.place.y);
    fields.width_mm.value = mm(this.place.width);
    fields.height_mm.value = mm(this.place.height);
  }

  #pageSize(number = this.place.page) {
    const { width, height } = this.viewer.page(number).dataset;
    return { width: Number(width), height: Number(height) };
  }

  /** Puts the box there, pushed back inside its page; says so in the fields and aloud. */
  move(change) {
    const next = { ...this.place, ...change };
    next.page = Math.min(Math.max(Math.round(next.page) || 1, 1), this.viewer.pages.length);
    const page = this.#pageSize(next.page);
    const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
    if (this.isFixed) Object.assign(next, { width: this.proposed.width, height: this.proposed.height });
    else next.width = clamp(next.width, Math.min(SMALLEST_MM.width * POINTS_PER_MM, page.width), page.width);
    if (!this.isFixed) next.height = clamp(next.height, Math.min(SMALLEST_MM.height * POINTS_PER_MM, page.height), page.height);
    next.x = clamp(next.x, 0, page.width - next.width);
    next.y = clamp(next.y, 0, page.height - next.height);
    this.place = next;
    this.#toFields();
    this.#draw();
    this.#sizeCorners();
    this.#say();
  }

  #draw() {
    const { page, x, y, width, height } = this.place;
    const home = this.viewer.page(page);
    if (this.layer.parentElement !== home) {
      const focused = document.activeElement === this.handle;
      home.append(this.layer);
      if (focused) this.handle.focus({ preventScroll: true });
    }
    const size = this.#pageSize();
    this.layer.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    for (const part of [this.frame, this.preview]) {
      part.setAttribute("x", x);
      part.setAttribute("y", y);
      part.setAttribute("width", width);
      part.setAttribute("height", height);
    }
    for (const corner of this.corners) {
      corner.setAttribute("cx", corner.dataset.corner.includes("w") ? x : x + width);
      corner.setAttribute("cy", corner.dataset.corner.includes("n") ? y : y + height);
    }
  }

  /** Corners keep their size on the screen, whatever the zoom: a dot, and a fingertip to hold it. */
  #sizeCorners() {
    const scale = this.#pointsPerPixel();
    const reach = (matchMedia("(pointer: coarse)").matches ? 18 : 10) * scale;
    const room = 0.35 * Math.min(this.place.width, this.place.height); // the rest is for moving
    for (const corner of this.corners) {
      const isSeen = corner.classList.contains("corner-seen");
      corner.setAttribute("r", isSeen ? 5 * scale : Math.min(reach, Math.max(room, 6 * scale)));
    }
  }

  #pointsPerPixel() {
    const shown = this.layer.getBoundingClientRect().width;
    return shown ? this.#pageSize().width / shown : 1;
  }

  #say() {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const mm = (points) => Math.round(points / POINTS_PER_MM);
      this.live.textContent = fill(this.live.dataset.live, {
        page: this.place.page, left: mm(this.place.x), top: mm(this.place.y),
        width: mm(this.place.width), height: mm(this.place.height),
      });
    }, 400);
  }

  // --- number fields ---

  #typed(whileTyping = false) {
    const typed = this.#fromFields();
    if (Object.values(typed).some((value) => !Number.isFinite(value))) return;
    if (whileTyping) {
      // Half-typed numbers must not be "corrected" under the fingers: only what fits is drawn.
      if (!this.#fits(typed)) return;
      this.place = typed;
      this.#draw();
    } else {
      this.move(typed);
    }
    this.viewer.reveal(this.handle);
  }

  #fits({ page, x, y, width, height }) {
    if (!this.viewer.page(page)) return false;
    const size = this.#pageSize(page);
    const least = this.isFixed ? { width: 0, height: 0 } : SMALLEST_MM;
    return x >= 0 && y >= 0 && width >= least.width * POINTS_PER_MM
      && height >= least.height * POINTS_PER_MM
      && x + width <= size.width && y + height <= size.height;
  }

  // --- keyboard ---

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = STEP_MM * POINTS_PER_MM;
    const { page, x, y, width, height } = this.place;
    const change = event.shiftKey
      ? { ArrowRight: { width: width + step }, ArrowLeft: { width: width - step },
          ArrowDown: { height: height + step }, ArrowUp: { height: height - step } }[event.key]
      : { ArrowRight: { x: x + step }, ArrowLeft: { x: x - step },
          ArrowDown: { y: y + step }, ArrowUp: { y: y - step },
          PageDown: { page: page + 1 }, PageUp: { page: page - 1 },
          Escape: this.proposed }[event.key];
    if (!change) return;
    event.preventDefault();
    const room = event.shiftKey ? this.#roomToGrow() : {};
    this.move({ ...change, ...this.#atMost(change, room) });
    this.viewer.reveal(this.handle);
    this.frame.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Growing stops at the edge of the page instead of pushing the box away from it. */
  #roomToGrow() {
    const size = this.#pageSize();
    return { width: size.width - this.place.x, height: size.height - this.place.y };
  }

  #atMost(change, room) {
    return Object.fromEntries(
      Object.entries(change).map(([name, value]) => [name, Math.min(value, room[name] ?? value)]),
    );
  }

  // --- mouse and touch ---

  #grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.handle.focus({ preventScroll: true });
    const corner = event.target.dataset.corner ?? "";
    const from = { ...this.place };
    const scale = this.#pointsPerPixel();
    const start = { x: event.clientX, y: event.clientY };
    this.handle.setPointerCapture(event.pointerId);
    const moved = (now) => {
      const dx = (now.clientX - start.x) * scale;
      const dy = (now.clientY - start.y) * scale;
      this.move(corner ? this.#resized(from, corner, dx, dy) : { x: from.x + dx, y: from.y + dy });
    };
    const dropped = (now) => {
      this.handle.removeEventListener("pointermove", moved);
      this.handle.removeEventListener("pointerup", dropped);
      this.handle.removeEventListener("pointercancel", dropped);
      if (!corner && now.type === "pointerup") this.#dropOnPage(now);
    };
    this.handle.addEventListener("pointermove", moved);
    this.handle.addEventListener("pointerup", dropped);
    this.handle.addEventListener("pointercancel", dropped);
  }

  #resized(from, corner, dx, dy) {
    const least = { x: SMALLEST_MM.width * POINTS_PER_MM, y: SMALLEST_MM.height * POINTS_PER_MM };
    const size = this.#pageSize();
    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
    const left = corner.includes("w") ? clamp(from.x + dx, 0, from.x + from.width - least.x) : from.x;
    const top = corner.includes("n") ? clamp(from.y + dy, 0, from.y + from.height - least.y) : from.y;
    const right = corner.includes("e")
      ? clamp(from.x + from.width + dx, from.x + least.x, size.width) : from.x + from.width;
    const bottom = corner.includes("s")
      ? clamp(from.y + from.height + dy, from.y + least.y, size.height) : from.y + from.height;
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /** Let go over another page, the box belongs to that page from now on. */
  #dropOnPage(event) {
    const page = document.elementsFromPoint(event.clientX, event.clientY)
      .map((element) => element.closest("[data-page]")).find(Boolean);
    if (page && Number(page.dataset.page) !== this.place.page) this.#centreAt(page, event);
  }

  #putAt(event) {
    if (this.viewer.zoomed.length > 1) return; // which of the boxes was meant, nobody knows
    const page = event.target.closest("[data-page]");
    if (page && !event.target.closest("[data-box]")) this.#centreAt(page, event);
  }

  #centreAt(page, event) {
    const shown = page.getBoundingClientRect();
    const scale = Number(page.dataset.width) / shown.width;
    this.move({
      page: Number(page.dataset.page),
      x: (event.clientX - shown.left) * scale - this.place.width / 2,
      y: (event.clientY - shown.top) * scale - this.place.height / 2,
    });
  }

  // --- buttons ---

  #clicked(event) {
    const button = event.target.closest("[data-box-action]");
    const mine = button && (button.closest("[data-place]") ?? this.viewer.root.querySelector("[data-place]")) === this.part;
    if (!mine) return;
    const action = button.dataset.boxAction;
    if (action === "reset") this.move(this.proposed);
    if (action === "here") this.move({ page: this.viewer.current });
    this.viewer.reveal(this.handle);
    if (action !== "find") return;
    this.handle.focus({ preventScroll: true });
    this.frame.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

/** One press signs once: the button rests until the answer comes, also after "Back". */
function signOnce(form) {
  const button = form.querySelector("[data-sign]");
  const label = button.textContent;
  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = button.dataset.sign;
  });
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = label;
  });
}

const root = document.querySelector("[data-viewer]");
if (root) {
  const viewer = new Viewer(root);
  const form = document.querySelector("[data-sign-form]");
  const boxes = [...root.querySelectorAll("[data-layer]")].map((layer) => new SignatureBox(
    layer, viewer, form.querySelector(`[data-place="${layer.dataset.layer}"]`),
  ));
  if (boxes.length) {
    viewer.show(boxes[0].place.page);
    viewer.reveal(boxes[0].handle);
    signOnce(form);
  }
}
