// The view of a restoration: `new View(element, values, options)`; values as `view.py` makes them.
//
// Both images lie in one frame under one zoom: behind a slider, or side by side.

import { linesOf, motionOf, stroke } from "./lines.js";
import { LAYERS, make, number, panelsOf } from "./panels.js";

const STEP = 1.25; // of the zoom
const PAN = 60; // screen pixels that an arrow key moves
const SHARPEN = 250; // milliseconds of rest after which the visible part is asked for

export class View {
  /** options.part(layer, rectangle, pixels): address of a part of an image in more detail.
   *  options.line(motion): called when a line was drawn. */
  constructor(element, values, options = {}) {
    Object.assign(this, { element, values, options, scale: 1, x: 0, y: 0, drawing: false });
    [this.rows, this.columns] = values.sides;
    this.both = "restored" in values.pictures;
    element.classList.add("view");
    element.classList.remove("view-still");
    const frame = this.makeFrame();
    element.replaceChildren(this.makeTools(), frame, ...this.makeSlider(), ...panelsOf(values, this.both));
    this.layOut("slider");
    this.watch = new ResizeObserver(() => (this.whole ? this.fit() : this.keepInside()));
    this.watch.observe(this.frame);
    requestAnimationFrame(() => this.fit());
  }

  makeFrame() {
    this.layers = LAYERS.filter((name) => name in this.values.pictures).map((name) => this.makeLayer(name));
    this.frame = make("div", {
      class: "view-frame", tabindex: 0, role: "group", "aria-roledescription": "image viewer",
      "aria-label": this.description(), onkeydown: (event) => this.press(event),
      onpointerdown: (event) => this.grab(event), ondblclick: (event) => this.zoom(2, event),
    }, ...this.layers.map((layer) => layer.box));
    this.frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? STEP : 1 / STEP, event);
    }, { passive: false });
    if (this.both) this.frame.append((this.divider = make("div", { class: "view-divider" })));
    return this.frame;
  }

  description() {
    const moved = (this.values.movements?.lines ?? []).filter((line) => line.named).map((line) => line.words);
    const images = this.both ? "recorded and restored image" : "recorded image";
    const found = moved.length ? `; movement: ${moved.join("; ")}` : "";
    return `${this.values.title}: ${images}${found}. Arrow keys move, + and - zoom, 0 shows all.`;
  }

  makeLayer(name) {
    const image = make("img", { src: this.values.pictures[name], alt: "", draggable: "false", class: "view-image" });
    const world = make("div", { class: "view-world" }, image);
    for (const map of ["verdicts", "misfit"]) {
      if (!(map in this.values.pictures)) continue;
      const over = make("img", { src: this.values.pictures[map], alt: "", hidden: true, class: `view-map ${map}` });
      [over.style.height, over.style.width] = this.values.trust.covers.map((side) => `${side}px`);
      world.append(over);
    }
    const lines = linesOf(this.values);
    world.append(lines);
    Object.assign(world.style, { width: `${this.columns}px`, height: `${this.rows}px` });
    const box = make("div", { class: `view-layer ${name}` }, world, make("span", { class: "view-label" }, name));
    return { name, box, world, image, lines };
  }

  makeTools() {
    const button = (words, label, act) => make("button", { type: "button", "aria-label": label, title: label, onclick: act }, words);
    const tools = make("div", { class: "view-tools", role: "group", "aria-label": "View" });
    if (this.both) tools.append(this.makeChoice("Compare", { slider: "with a slider", beside: "side by side" }, (way) => this.layOut(way)));
    this.percent = make("output", { class: "view-percent", "aria-label": "Zoom" });
    tools.append(make("span", { class: "view-zoom" },
      button("−", "Zoom out", () => this.zoom(1 / STEP)), this.percent,
      button("+", "Zoom in", () => this.zoom(STEP)), button("All", "Show the whole image", () => this.fit()),
      button("1:1", "One image pixel to a screen pixel", () => this.zoom(1 / this.scale))));
    if (this.values.movements?.lines.length) tools.append(this.makeSwitch("Movement", (on) => this.element.classList.toggle("no-lines", !on)));
    const maps = ["verdicts", "misfit"].filter((map) => map in this.values.pictures);
    const names = { none: "off", verdicts: "replaced tiles", misfit: "misfit of each tile" };
    if (maps.length) tools.append(this.makeChoice("Map of trust", Object.fromEntries(["none", ...maps].map((map) => [map, names[map]])), (map) => this.showMap(map)));
    if (this.options.line) {
      this.pen = button("Draw a movement", "Draw a movement: a line along a smear", () => this.draw(!this.drawing));
      this.pen.setAttribute("aria-pressed", "false");
      tools.append(this.pen);
    }
    return tools;
  }

  makeChoice(title, choices, act) {
    const options = Object.entries(choices).map(([value, words]) => make("option", { value }, words));
    const select = make("select", { onchange: (event) => act(event.target.value) }, ...options);
    return make("label", {}, `${title} `, select);
  }

  makeSwitch(title, act) {
    return make("label", {}, make("input", { type: "checkbox", checked: true, onchange: (event) => act(event.target.checked) }), ` ${title}`);
  }

  makeSlider() {
    if (!this.both) return [];
    this.slider = make("input", { type: "range", min: 0, max: 100, value: 50, step: 1,
      "aria-label": "Share of the recorded image, percent; the rest is restored", oninput: () => this.split(this.slider.value) });
    this.sliderRow = make("div", { class: "view-slider" }, this.slider);
    return [this.sliderRow];
  }

  layOut(way) {
    this.way = this.both ? way : "slider";
    this.element.dataset.way = this.way;
    if (this.sliderRow) this.sliderRow.hidden = way !== "slider";
    this.split(this.slider?.value ?? 100);
    requestAnimationFrame(() => this.fit());
  }

  /** Show the recorded image left of a place, in percent, and the restored one right of it. */
  split(percent) {
    if (!this.both) return;
    const slider = this.way === "slider";
    const clip = slider ? [`inset(0 ${100 - percent}% 0 0)`, `inset(0 0 0 ${percent}%)`] : ["", ""];
    this.layers.forEach(({ box }, place) => (box.style.clipPath = clip[place]));
    this.divider.style.left = `${percent}%`;
    this.slider.setAttribute("aria-valuetext", `${percent} percent recorded, left; ${100 - percent} percent restored, right`);
  }

  showMap(name) {
    for (const map of this.element.querySelectorAll(".view-map")) map.hidden = !map.classList.contains(name);
  }

  get box() {
    return this.layers[0].box.getBoundingClientRect();
  }

  fit() {
    const { width, height } = this.box;
    if (!width) return;
    this.whole = true;
    this.smallest = Math.min(width / this.columns, height / this.rows);
    this.scale = this.smallest;
    [this.x, this.y] = [(width - this.columns * this.scale) / 2, (height - this.rows * this.scale) / 2];
    this.apply();
  }

  zoom(factor, event) {
    const { width, height, left, top } = this.box;
    const inside = event ? [(event.clientX - left) % width, event.clientY - top] : [width / 2, height / 2];
    const scale = Math.min(Math.max(this.scale * factor, this.smallest / 2), 40);
    this.x = inside[0] - ((inside[0] - this.x) * scale) / this.scale;
    this.y = inside[1] - ((inside[1] - this.y) * scale) / this.scale;
    this.scale = scale;
    this.keepInside();
  }

  keepInside() {
    const { width, height } = this.box;
    if (!width) return;
    this.whole = false;
    const keep = (at, side, room) => Math.min(Math.max(at, Math.min(room - side, 0) - room / 2), Math.max(room - side, 0) + room / 2);
    this.x = keep(this.x, this.columns * this.scale, width);
    this.y = keep(this.y, this.rows * this.scale, height);
    this.apply();
  }

  apply() {
    this.element.style.setProperty("--line", 1 / this.scale);
    this.percent.value = `${number(100 * this.scale, this.scale < 0.1 ? 2 : 3)} %`;
    for (const { world } of this.layers) world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    for (const { image } of this.layers) image.classList.toggle("pixels", this.scale > 2);
    clearTimeout(this.timer);
    if (this.options.part) this.timer = setTimeout(() => this.sharpen(), SHARPEN);
  }

  /** Ask for the visible part in the detail that the screen has. */
  sharpen() {
    const { width, height } = this.box;
    const ratio = window.devicePixelRatio || 1;
    const [left, top] = [Math.max(0, -this.x / this.scale), Math.max(0, -this.y / this.scale)].map(Math.floor);
    const right = Math.min(this.columns, Math.ceil((width - this.x) / this.scale));
    const bottom = Math.min(this.rows, Math.ceil((height - this.y) / this.scale));
    if (right <= left || bottom <= top) return;
    const rectangle = [top, left, bottom, right];
    const pixels = Math.ceil(Math.max(right - left, bottom - top) * Math.min(1, this.scale * ratio));
    for (const layer of this.layers) {
      const known = layer.image.naturalWidth / this.columns;
      if (!layer.image.complete || known >= Math.min(1, this.scale * ratio) * 0.99) continue;
      this.lay(layer, rectangle, this.options.part(layer.name, rectangle, pixels));
    }
  }

  lay(layer, [top, left, bottom, right], address) {
    const part = make("img", { alt: "", class: "view-image view-part", draggable: "false" });
    Object.assign(part.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    layer.wanted = part;
    part.addEventListener("load", () => {
      if (layer.wanted !== part) return;
      layer.part?.remove();
      layer.part = part;
      part.classList.toggle("pixels", this.scale > 2);
      layer.image.after(part);
    });
    part.src = address;
  }

  /** Show another plane or channel: pictures by the name of their layer. */
  setPictures(pictures) {
    for (const layer of this.layers) {
      layer.part?.remove();
      layer.part = layer.wanted = null;
      layer.image.addEventListener("load", () => this.apply(), { once: true });
      layer.image.src = pictures[layer.name];
    }
  }

  press(event) {
    const moves = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) [this.x, this.y] = [this.x + moves[event.key][0], this.y + moves[event.key][1]];
    else if (event.key === "+" || event.key === "=") this.zoom(STEP);
    else if (event.key === "-") this.zoom(1 / STEP);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape" && this.drawing) this.draw(false);
    else return;
    event.preventDefault();
    if (event.key in moves) this.keepInside();
  }

  grab(event) {
    if (event.button) return;
    const along = event.target === this.divider ? this.drag.bind(this) : this.drawing ? this.follow(event) : this.pan(event);
    this.frame.setPointerCapture(event.pointerId);
    const over = new AbortController(), { signal } = over;
    const end = (last) => (over.abort(), last.type === "pointerup" ? along(last, true) : this.pen && this.draw(false));
    this.frame.addEventListener("pointermove", along, { signal });
    for (const last of ["pointerup", "pointercancel"]) this.frame.addEventListener(last, end, { signal });
  }

  drag(event) {
    const { left, width } = this.frame.getBoundingClientRect();
    this.slider.value = Math.min(100, Math.max(0, (100 * (event.clientX - left)) / width));
    this.split(this.slider.value);
  }

  pan(start) {
    const from = [this.x - start.clientX, this.y - start.clientY];
    return (event) => {
      [this.x, this.y] = [from[0] + event.clientX, from[1] + event.clientY];
      this.keepInside();
    };
  }

  /** The place (x, y) in the image, pixels, under a place on the screen. */
  placeOf(event, { left, top } = this.box) {
    return [(event.clientX - left - this.x) / this.scale, (event.clientY - top - this.y) / this.scale];
  }

  follow(start) {
    const hit = this.layers.map((layer) => layer.box.getBoundingClientRect()).find((box) => start.clientX <= box.right) ?? this.box;
    const from = this.placeOf(start, hit);
    return (event, last = false) => {
      const to = this.placeOf(event, hit);
      this.showStroke(from, to);
      if (last) this.draw(false);
      if (last) this.options.line(motionOf(from, to));
    };
  }

  showStroke(from, to) {
    for (const { lines } of this.layers) stroke(lines, from, to);
  }

  /** Show a movement of this length and angle through the middle, as if it had been drawn. */
  showMotion({ length, angle }) {
    const [x, y, turn] = [this.columns / 2, this.rows / 2, (angle * Math.PI) / 180];
    const [right, down] = [(Math.cos(turn) * length) / 2, (-Math.sin(turn) * length) / 2];
    this.showStroke([x - right, y - down], [x + right, y + down]);
  }

  draw(on) {
    this.drawing = on;
    this.pen.setAttribute("aria-pressed", String(on));
    this.element.classList.toggle("drawing", on);
  }

  /** Stop watching the page; the element can be used again. */
  close() {
    clearTimeout(this.timer);
    this.watch.disconnect();
    this.element.replaceChildren();
  }
}

/** Show the views of a page that needs no server: each element has its pictures and its values. */
export function showAll(page) {
  for (const element of page.querySelectorAll("[data-view]")) {
    const values = JSON.parse(element.querySelector("script").textContent);
    const pictures = [...element.querySelectorAll("img[data-picture]")].map((image) => [image.dataset.picture, image.src]);
    new View(element, { ...values, pictures: Object.fromEntries(pictures) });
  }
}
