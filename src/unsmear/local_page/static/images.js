// The list of images: thumbnails with verdicts, by plate.

import { make } from "./panels.js";

const STATES = { waiting: "waiting", seen: "not estimated yet", restored: "restored", unchanged: "left as it was", failed: "failed" };
const VERDICTS = { moved: "moved", still: "no movement found", unsure: "unsure", defocus: "out of focus" };

/** Return the verdict on an image in words, and its class. */
export function verdictOf(image) {
  if (image.busy === "waiting") return ["waiting to be restored", "busy"];
  if (image.busy) return [image.total ? `${image.busy}: ${Math.floor((100 * image.done) / image.total)} %` : `${image.busy} …`, "busy"];
  if (image.unnamed) return ["its axes are not known", "failed"];
  const found = VERDICTS[image.verdict] ?? "";
  if (image.state === "estimated") return [image.earlier ? [found, "has a result already"].filter(Boolean).join("; ") : found, image.verdict];
  if (image.state === "unchanged" && found) return [`${STATES.unchanged}: ${found}`, image.verdict];
  return [STATES[image.state], image.state];
}

export class ImageList {
  /** chosen: called with an image that the user chooses. */
  constructor(element, chosen) {
    Object.assign(this, { element, chosen, cards: new Map(), groups: new Map() });
    element.addEventListener("keydown", (event) => this.step(event));
  }

  /** Show an image as it is now. */
  put(image) {
    const card = this.cards.get(image.key) ?? this.add(image);
    const [words, kind] = verdictOf(image);
    card.verdict.textContent = words;
    card.verdict.className = `verdict ${kind}`;
    if (image.pictured && card.pictured === undefined) {
      card.pictured = image.pictured;
      card.thumb.append(make("img", { src: `/images/${image.key}/thumbnail.png`, alt: "", loading: "lazy" }));
    }
  }

  add(image) {
    const [thumb, verdict] = [make("span", { class: "thumb" }), make("span", { class: "verdict" })];
    const words = make("span", {}, make("span", { class: "name" }, image.name), verdict);
    const button = make("button", { type: "button", class: "card", onclick: () => this.chosen(image.key) }, thumb, words);
    const item = make("li", {}, button);
    this.groupOf(image.group).append(item);
    const card = { item, button, thumb, verdict };
    this.cards.set(image.key, card);
    return card;
  }

  groupOf(name) {
    if (!this.groups.has(name)) {
      const list = make("ul", { class: "cards", "aria-label": name || "Images" });
      if (name) this.element.append(make("h3", {}, `Plate ${name}`));
      this.element.append(list);
      this.groups.set(name, list);
    }
    return this.groups.get(name);
  }

  remove(key) {
    this.cards.get(key)?.item.remove();
    this.cards.delete(key);
  }

  /** Mark the image that is shown. */
  mark(key) {
    for (const [own, { button }] of this.cards) button.setAttribute("aria-current", String(own === key));
  }

  /** Move the focus with the arrow keys. */
  step(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.matches(".card")) return;
    const cards = [...this.element.querySelectorAll(".card")];
    cards[cards.indexOf(event.target) + by]?.focus();
    event.preventDefault();
  }
}
