// What stands below the images of a view: map of trust, kernel, light kept, histograms.

const SVG = "http://www.w3.org/2000/svg";
export const LAYERS = ["recorded", "restored"];

/** Return an element with attributes and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Return an element of a drawing with attributes and children. */
export function draw(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return a number in words, to some significant digits; null where there is no data. */
export const number = (value, digits = 4) =>
  value === null ? "no data" : Number(value).toLocaleString("en", { maximumSignificantDigits: digits });

/** Return what stands below the images: a note and the panels. both: whether there is a result. */
export function panelsOf(values, both) {
  const panels = make("div", { class: "view-panels" });
  if (values.trust) panels.append(legend(values.trust));
  if (values.kernel) panels.append(kernel(values.kernel, values.pictures.kernel));
  if (values.channels?.length) panels.append(light(values.channels, both), ...values.channels.map((channel) => histogram(channel, both)));
  const drawn = values.movements?.lines.some((line) => line.moved);
  const times = drawn ? `Lines are drawn ${number(values.movements.times)} times as long as the movement; which way along a line is not known` : "";
  return [make("p", { class: "view-note" }, [values.plane, times].filter(Boolean).join(". ")), panels];
}

function section(title, ...parts) {
  return make("section", {}, make("h3", {}, title), ...parts);
}

function legend({ legend, limit }) {
  const rows = legend.map(({ words, tiles, colour }) => {
    const patch = make("span", { class: "view-patch" });
    if (colour) patch.style.backgroundColor = colour;
    return make("li", {}, patch, ` ${words}: ${number(tiles, 9)} tiles`);
  });
  const misfit = `Misfit: the yellower a tile, the more the restored image, blurred again, differs from the recorded one; red is above ${limit} times the noise.`;
  return section("Map of trust", make("ul", { class: "view-legend" }, ...rows), make("p", {}, misfit));
}

function kernel({ side, of }, address) {
  const image = make("img", { src: address, class: "view-kernel pixels", alt: `kernel of ${side} pixels a side` });
  return section(`Kernel${of ? ` of ${of}` : ""}`, image, make("p", {}, `${side} pixels a side`));
}

function light(channels, both) {
  const title = (word) => make("th", { scope: "col" }, word);
  const head = both ? ["channel", "recorded", "restored", "change"] : ["channel", "recorded"];
  const rows = channels.map(({ name, before, after, change }) => {
    const size = change === null ? "" : (100 * Math.abs(change)).toFixed(2);
    const sign = Number(size) === 0 ? "" : change < 0 ? "\u2212" : "+";
    const percent = change === null ? "" : `${sign}${size} %`;
    const counts = both ? [number(before, 5), number(after, 5), percent] : [number(before, 5)];
    return make("tr", {}, make("th", { scope: "row" }, name), ...counts.map((count) => make("td", {}, count)));
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head.map(title))), make("tbody", {}, ...rows));
  return section(both ? "Light kept: mean counts" : "Light: mean counts", table);
}

function histogram({ name, histogram }, both) {
  const { from, to, counts } = histogram;
  const top = Math.log1p(Math.max(1, ...counts.flat()));
  const across = (place, count) => ((100 * (place + 0.5)) / count).toFixed(1);
  const path = (bars) => bars.map((count, place) => `${place ? "L" : "M"}${across(place, bars.length)},${(40 - (39 * Math.log1p(count)) / top).toFixed(1)}`).join("");
  const words = `Histogram of ${name}: counts from ${number(from)} to ${number(to)}`;
  const svg = draw("svg", { viewBox: "0 0 100 41", preserveAspectRatio: "none", role: "img", "aria-label": words, class: "view-histogram" });
  counts.forEach((bars, place) => svg.append(draw("path", { d: path(bars), class: LAYERS[place] })));
  const key = LAYERS.map((layer) => make("span", { class: layer }, layer));
  const ends = [number(from), "counts; pixels on a log scale", number(to)].map((word) => make("span", {}, word));
  return section(`Histogram: ${name}`, svg, make("p", { class: "view-axis" }, ...ends), both ? make("p", { class: "view-key" }, key[0], " ", key[1]) : "");
}
