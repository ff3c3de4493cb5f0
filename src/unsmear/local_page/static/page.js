// The page of `unsmear open`: the list of images, and the image that is chosen.

import { showAxes } from "./axes.js";
import { takeDrops } from "./drop.js";
import { ImageList, verdictOf } from "./images.js";
import { make } from "./panels.js";
import { ask, tell, watch } from "./server.js";
import { View } from "./view.js";

const QUIET = 6000; // milliseconds after which a message goes
const by = (id) => document.getElementById(id);
const images = new Map();
const list = new ImageList(by("groups"), choose);
let [chosen, view, shown] = ["", null, ""];
let about = { folder: "", output: "" };
let quiet;

/** Say something that a screen reader reads too. */
function say(words) {
  by("status").textContent = words;
  clearTimeout(quiet);
  quiet = setTimeout(() => (by("status").textContent = ""), QUIET);
}

function remark(sentences) {
  by("remarks").append(...sentences.map((sentence) => make("li", {}, sentence)));
  if (sentences.length) say(sentences[0]);
}

/** What is asked of the program; what it refuses is said. */
async function act(address, values) {
  try {
    return await tell(address, values);
  } catch (error) {
    return say(error.message || "The program does not answer.");
  }
}

function wanted() {
  const given = by("wanted").elements.movement.value === "given";
  const flags = ["uncertainty", "floats", "force"].map((id) => [id, by(id).checked]);
  const motion = given ? { length: Number(by("length").value), angle: Number(by("angle").value) } : null;
  return { ...Object.fromEntries(flags), motion };
}

function restore(keys) {
  act("/restore", { images: keys, ...wanted() });
}

const isRestoring = ({ busy }) => busy !== "" && busy !== "looking" && busy !== "estimating the movement";
const canBeRestored = (image) => !isRestoring(image) && image.pictured > 0;

/** Take the changes that the program tells. */
function changed(news) {
  if (news.about) introduce(news.about);
  for (const key of news.removed) {
    images.delete(key);
    list.remove(key);
    if (key === chosen) chosen = "";
  }
  for (const image of news.images) {
    announce(images.get(image.key), image);
    images.set(image.key, image);
    list.put(image);
  }
  count();
  if (!chosen && images.size) choose(images.keys().next().value, false);
  else if (news.images.some(({ key }) => key === chosen)) show();
}

function introduce(told) {
  about = told;
  by("place").textContent = told.folder ? `${told.folder}; results are written to ${told.output}` : "";
  remark(told.remarks);
}

function announce(before, image) {
  const settled = before?.busy && !image.busy;
  if (settled && (image.key === chosen || isRestoring(before))) say(`${image.name}: ${verdictOf(image)[0]}.`);
}

function count() {
  const all = [...images.values()];
  const isDone = (image) => image.state === "restored" || image.state === "unchanged";
  const earlier = all.filter((image) => image.earlier && !isDone(image)).length;
  const there = earlier ? `; ${earlier} with a result from before in ${about.output.split(/[\\/]/).pop()}` : "";
  const number = all.length === 1 ? "1 image" : `${all.length} images`;
  by("counts").textContent = all.length ? `${number}, ${all.filter(isDone).length} done${there}` : "";
  by("restore-all").disabled = !all.some(canBeRestored);
  by("stop-all").disabled = !all.some((image) => image.busy);
  by("download-all").hidden = !all.some((image) => image.results.length);
}

/** Choose an image; focus: whether the user did, and not the page by itself. */
function choose(key, focus = true) {
  chosen = key;
  list.mark(key);
  by("wanted").elements.movement.value = "estimated";
  show();
  if (focus) by("title").focus({ preventScroll: matchMedia("(min-width: 56em)").matches });
}

/** Show the chosen image as it is now. */
function show() {
  const image = images.get(chosen);
  if (!image) return;
  by("title").textContent = image.name;
  by("about").textContent = image.about;
  const error = image.state === "failed" ? "error" : "";
  const words = image.sentences.map((sentence) => make("p", { class: error }, sentence));
  const advice = image.advice.map((sentence) => make("p", { class: "advice" }, make("strong", {}, "What to do: "), sentence));
  by("words").replaceChildren(...words, ...advice);
  showAxes(image, [...images.values()]);
  showProgress(image);
  showActions(image);
  const picture = `${image.key} ${image.pictured}`;
  if (image.pictured && picture !== shown) showView(image, picture);
  else if (!image.pictured) clear();
}

function clear() {
  view?.close();
  [view, shown] = [null, ""];
  by("planes").replaceChildren();
}

function showProgress(image) {
  by("progress-row").hidden = !image.busy;
  by("progress-words").textContent = verdictOf(image)[0];
  const bar = by("progress");
  if (image.total) Object.assign(bar, { max: image.total, value: image.done });
  else bar.removeAttribute("value");
}

function showActions(image) {
  const given = by("wanted").elements.movement.value === "given";
  const [this_, all] = given ? [" with this movement", " with this movement"] : ["", ""];
  by("actions").hidden = false;
  by("wanted").hidden = !image.pictured;
  by("restore").disabled = !canBeRestored(image);
  by("restore").textContent = `${image.results.length || image.earlier ? "Restore again" : "Restore"}${this_}`;
  by("restore-all").textContent = `Restore all${all}`;
  by("restore-plate").hidden = !image.group;
  by("restore-plate").textContent = `Restore plate ${image.group}${all}`;
  by("stop").hidden = !image.busy;
  by("download").hidden = !image.results.length;
  by("download").href = `/images/${image.key}/result`;
  by("report").hidden = image.state !== "restored";
  by("report").href = `/images/${image.key}/report`;
  const where = image.dropped ? "The result waits to be downloaded; it goes when the program is closed." : `Written to ${about.output}: ${image.results.join(", ")}.`;
  by("written").textContent = image.results.length ? where : "";
}

async function showView(image, picture) {
  shown = picture;
  const values = await ask(`/images/${image.key}/view`).catch(() => null);
  if (!values || shown !== picture) return;
  view?.close();
  const place = { plane: values.shown, channel: "" };
  view = new View(by("view"), values, { part: (...asked) => part(image, place, ...asked), line });
  showPlanes(image, values, place);
}

function part({ key, pictured }, { plane, channel }, layer, rectangle, pixels) {
  const edges = rectangle ? ["top", "left", "bottom", "right"].map((name, at) => [name, rectangle[at]]) : [];
  const asked = new URLSearchParams([["plane", plane], ["channel", channel], ["pixels", pixels], ["v", pictured], ...edges]);
  return `/images/${key}/part/${layer}?${asked}`;
}

/** Let another plane or a single channel be chosen. */
function showPlanes(image, values, place) {
  const choices = [];
  const own = view;
  const change = (name) => (event) => {
    place[name] = event.target.value;
    const layers = Object.keys(values.pictures).filter((layer) => layer === "recorded" || layer === "restored");
    own.setPictures(Object.fromEntries(layers.map((layer) => [layer, part(image, place, layer, null, 1024)])));
    by("view").classList.toggle("no-lines", Number(place.plane) !== values.shown);
  };
  const choice = (title, name, options) => make("label", {}, `${title} `, make("select", { onchange: change(name) }, ...options));
  const option = (value, words, selected) => make("option", { value, selected }, words);
  if (image.planes > 1) choices.push(choice("Plane", "plane", Array.from({ length: image.planes }, (_, at) => option(at, `${at + 1} of ${image.planes}`, at === values.shown))));
  if (image.channels.length > 1) choices.push(choice("Channels", "channel", [option("", "all, in colour", true), ...image.channels.map((name, at) => option(at, name, false))]));
  by("planes").replaceChildren(...choices);
}

/** A movement was drawn. */
function line({ length, angle }) {
  if (length < 0.5) return;
  by("length").value = length.toFixed(1);
  by("angle").value = angle.toFixed(1);
  by("more").open = true;
  by("wanted").elements.movement.value = "given";
  showActions(images.get(chosen));
  say(`A movement of ${length.toFixed(1)} pixels at ${angle.toFixed(0)} degrees. Press Restore to use it.`);
}

/** A movement was typed. */
function typed(event) {
  if (event.target.type === "number") by("wanted").elements.movement.value = "given";
  const [length, angle] = [Number(by("length").value), Number(by("angle").value)];
  if (view && by("wanted").elements.movement.value === "given" && length > 0) view.showMotion({ length, angle });
  showActions(images.get(chosen));
}

by("wanted").addEventListener("input", typed);
by("wanted").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!by("restore").disabled) restore([chosen]);
});
by("restore").addEventListener("click", () => restore([chosen]));
by("restore-all").addEventListener("click", () => restore([...images.values()].filter(canBeRestored).map(({ key }) => key)));
by("restore-plate").addEventListener("click", () => {
  const { group } = images.get(chosen);
  restore([...images.values()].filter((image) => image.group === group && canBeRestored(image)).map(({ key }) => key));
});
by("stop").addEventListener("click", () => act("/cancel", { images: [chosen] }));
by("stop-all").addEventListener("click", () => act("/cancel", { images: [...images.keys()] }));
takeDrops(say, remark);
watch(changed, (words) => {
  by("lost").hidden = !words;
  if (by("lost").textContent !== words) by("lost").textContent = words;
});
