// Movements as lines over an image, in its pixels.

import { draw } from "./panels.js";

/** The motion of a line on the screen, whose rows grow downwards. */
export function motionOf([x0, y0], [x1, y1]) {
  const angle = (Math.atan2(y0 - y1, x1 - x0) * 180) / Math.PI;
  return { length: Math.hypot(x1 - x0, y1 - y0), angle: ((angle % 180) + 180) % 180 };
}

/** Return the drawing of the movements of a view, and of the parts that moved differently. */
export function linesOf({ movements = { lines: [], parts: [] }, sides: [rows, columns] }) {
  const svg = draw("svg", { class: "view-lines", viewBox: `0 0 ${columns} ${rows}`, "aria-hidden": "true" });
  for (const [x, y, width, height] of movements.parts) svg.append(draw("rect", { x, y, width, height }));
  for (const { from: [x1, y1], to: [x2, y2], moved, words, named } of movements.lines) {
    if (moved) svg.append(...["edge", "line"].map((part) => draw("line", { x1, y1, x2, y2, class: part })));
    else svg.append(draw("circle", { cx: x1, cy: y1, r: 6, class: "line" }));
    if (named) svg.append(draw("text", { x: (x1 + x2) / 2, y: Math.max(y1, y2) }, words));
  }
  return svg;
}

/** Draw the line of a user in a drawing, in place of an earlier one. */
export function stroke(svg, [x1, y1], [x2, y2]) {
  svg.querySelectorAll(".drawn").forEach((line) => line.remove());
  svg.append(...["edge", "line"].map((part) => draw("line", { x1, y1, x2, y2, class: `${part} drawn` })));
}
